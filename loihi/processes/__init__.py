"""DEPTH's own Lava processes, each with its fixed-point model beside it; they need Lava.

Lava looks for models by executing every file in this folder, so nothing else may live here. All
ports are flat vectors. A class's ``PORTS`` maps the port names of docs/fixed_point.md to the
attributes of the process.
"""
