"""Blocks of the network as Lava processes: a fast leaf model and one made of processes each.

Lava looks for models by executing every file in this folder, so nothing else may live here. What
the models share is in ``loihi/block_models.py``.
"""
