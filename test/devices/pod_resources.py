"""Asks PodResources over another implementation of gRPC: Python's, over the C core.

usage: pod_resources.py DESCRIPTORS SOCKET

Prints a line for each container and device, for each device that could be given, and what an unknown pod is answered.
"""
import sys

import grpc
from descriptors import messages

path, socket = sys.argv[1:]
message = messages(path, "v1")


def call(channel, method, request, answer):
    return channel.unary_unary(
        "/v1.PodResourcesLister/" + method, lambda each: each.SerializeToString(), message(answer).FromString
    )(request, timeout=30)


with grpc.insecure_channel("unix:" + socket) as channel:
    found = call(channel, "List", message("ListPodResourcesRequest")(), "ListPodResourcesResponse")
    for pod in found.pod_resources:
        for container in pod.containers:
            for device in container.devices:
                names = (pod.namespace, pod.name, container.name, device.resource_name, *device.device_ids)
                print("has", *names)
    there = call(
        channel, "GetAllocatableResources", message("AllocatableResourcesRequest")(), "AllocatableResourcesResponse"
    )
    for device in there.devices:
        print("could have", device.resource_name, *device.device_ids)
    try:
        request = message("GetPodResourcesRequest")(pod_name="x", pod_namespace="default")
        call(channel, "Get", request, "GetPodResourcesResponse")
    except grpc.RpcError as error:
        print(error.code().name, error.details())
