"""The proposal's one number, 0.7·mIoU + 0.3·(1 − FLOPs ÷ FLOPs_base), for all who use it."""

ACCURACY = ("loss", "burst_loss", "loss_int")
"""Measures in points of mIoU; every other objective is a cost."""
ACCURACY_WEIGHT, COST_WEIGHT = 0.7, 0.3
"""Weights of mIoU and of saved FLOPs."""
