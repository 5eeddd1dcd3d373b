def channel(source):
    return source
