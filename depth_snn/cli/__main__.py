"""Allow `python -m depth_snn.cli`, which works where the script is not on PATH."""

from depth_snn.cli.main import entry

entry()
