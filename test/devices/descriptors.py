"""Message classes out of a FileDescriptorSet, without generated code."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def messages(path, package):
    """A function from the name of a message in the package to its class."""
    pool = descriptor_pool.DescriptorPool()
    with open(path, "rb") as file:
        for schema in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.AddSerializedFile(schema.SerializeToString())

    def message(name):
        schema = pool.FindMessageTypeByName(package + "." + name)
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(schema)
        return message_factory.MessageFactory(pool).GetPrototype(schema)

    return message
