"""placeholder"""
def export_netx(graph, path): raise NotImplementedError
