"""A device plugin on another implementation of gRPC: Python's, over the C core.

usage: plugin.py DESCRIPTORS DIRECTORY RESOURCE DEVICE...

DESCRIPTORS is a FileDescriptorSet with deviceplugin/v1beta1. Says "registered" when the node has taken it on.
"""
import os
import sys
import threading
from concurrent import futures

import grpc
from descriptors import messages

descriptors, directory, resource, *devices = sys.argv[1:]
message = messages(descriptors, "v1beta1")


def identifier(path):
    return path.replace("/dev/", "").replace("/", "-")


def options(request, context):
    return message("DevicePluginOptions")(pre_start_required=True, get_preferred_allocation_available=True)


def list_and_watch(request, context):
    Device = message("Device")
    yield message("ListAndWatchResponse")(
        devices=[Device(ID=identifier(path), health="Healthy") for path in devices]
    )
    gone = threading.Event()
    context.add_callback(gone.set)
    gone.wait()


def preferred(request, context):
    answer = message("PreferredAllocationResponse")()
    for one in request.container_requests:
        # The last ones first, to show that the advice is taken.
        answer.container_responses.add(deviceIDs=sorted(one.available_deviceIDs)[-one.allocation_size :])
    return answer


def allocate(request, context):
    answer = message("AllocateResponse")()
    for one in request.container_requests:
        given = [path for path in devices if identifier(path) in one.devices_ids]
        inside = ["/dev/" + os.path.basename(path) for path in given]
        response = answer.container_responses.add(envs={"PYTHON_DEVICES": ",".join(inside)})
        for host, path in zip(given, inside):
            response.devices.add(container_path=path, host_path=host, permissions="rw")
    return answer


def prestart(request, context):
    if not request.devices_ids:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no devices")
    print("prestart", ",".join(sorted(request.devices_ids)), flush=True)
    return message("PreStartContainerResponse")()


def unary(function, request):
    return grpc.unary_unary_rpc_method_handler(
        function, message(request).FromString, lambda answer: answer.SerializeToString()
    )


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
handlers = {
    "GetDevicePluginOptions": unary(options, "Empty"),
    "ListAndWatch": grpc.unary_stream_rpc_method_handler(
        list_and_watch, message("Empty").FromString, lambda answer: answer.SerializeToString()
    ),
    "GetPreferredAllocation": unary(preferred, "PreferredAllocationRequest"),
    "Allocate": unary(allocate, "AllocateRequest"),
    "PreStartContainer": unary(prestart, "PreStartContainerRequest"),
}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", handlers),))
server.add_insecure_port("unix:" + os.path.join(directory, "python.sock"))
server.start()


def register(version):
    with grpc.insecure_channel("unix:" + os.path.join(directory, "kubelet.sock")) as channel:
        call = channel.unary_unary(
            "/v1beta1.Registration/Register",
            lambda request: request.SerializeToString(),
            message("Empty").FromString,
        )
        request = message("RegisterRequest")(version=version, endpoint="python.sock", resource_name=resource)
        call(request, timeout=30)


try:
    register("v1alpha")
except grpc.RpcError as error:
    print("refused", error.code().name, error.details(), flush=True)
register("v1beta1")
print("registered", flush=True)
server.wait_for_termination()
