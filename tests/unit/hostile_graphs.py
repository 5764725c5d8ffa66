"""Ways to turn a graph file hostile, and what the reader must say to each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from conversion.graph_file import FORMAT, FORMAT_VERSION
from depth_snn.sealed import seal_of


def reseal(path: Path) -> None:
    """Give an edited file a valid checksum, so that what lies behind it is tested."""
    data = path.read_bytes()
    path.write_bytes(seal_of(path, FORMAT) + data[512:])


def set_fields(file: h5py.File, kind: str, **changes: object) -> None:
    group = next(g for g in file["nodes"].values() if g.attrs["kind"] == kind.encode())
    group.attrs["fields"] = np.bytes_(json.dumps(json.loads(group.attrs["fields"]) | changes))


def replace_array(file: h5py.File, kind: str, key: str, **how: object) -> None:
    group = next(g for g in file["nodes"].values() if g.attrs["kind"] == kind.encode())
    del group[key]
    if "link" in how:
        group[key] = how["link"]
    elif how:
        group.create_dataset(key, **how)


def edit(file: h5py.File, kind: str, key: str, place: int, value: int) -> None:
    """One number of an array, changed in place."""
    group = next(g for g in file["nodes"].values() if g.attrs["kind"] == kind.encode())
    group[key][place] = value


HUGE = {"shape": (2**20, 2**20), "dtype": "i1", "chunks": (2**10, 2**10)}


def set_edges(file: h5py.File, row: object) -> None:
    """One edge in place of all."""
    del file["edges"]
    file.create_dataset("edges", data=np.frombuffer(json.dumps([row]).encode(), np.uint8))


ATTACKS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "newer": (lambda f: f.attrs.__setitem__("format_version", FORMAT_VERSION + 1),
              f"format version {FORMAT_VERSION + 1}; this program reads up to {FORMAT_VERSION}"),
    "older": (lambda f: f.attrs.__setitem__("format_version", 0), "format version 0"),
    "version text": (lambda f: f.attrs.__setitem__("format_version", "x"), "not a whole number"),
    "format": (lambda f: f.attrs.__setitem__("format", "other"), "not a depth-snn-graph"),
    "dialect": (lambda f: f.attrs.__setitem__("dialect", "float"), "dialect 'float'"),
    "extra field": (lambda f: set_fields(f, "Skip", colour=3), "wrong fields.*colour"),
    "float field": (lambda f: set_fields(f, "Skip", tokens=8.0), "tokens is no int"),
    "bool field": (lambda f: set_fields(f, "Dense", exponent=True), "exponent is no int"),
    "number for bool": (lambda f: set_fields(f, "SigmaDelta", gated=1), "gated is no bool"),
    "no groups": (lambda f: set_fields(f, "Dense", repeat=0), "repeat 0"),
    "many groups": (lambda f: set_fields(f, "Dense", repeat=2**40), "out of range"),
    "no stride": (lambda f: set_fields(f, "Conv", stride=0), "stride 0"),
    "huge padding": (lambda f: set_fields(f, "Conv", padding=2**40), "padding 1099511627776"),
    "wide padding": (lambda f: set_fields(f, "Conv", padding=2**19), "out of range"),
    "flat kernel": (lambda f: replace_array(f, "Conv", "weight", data=np.ones((2, 3), "i1")),
                    "weight has shape"),
    "index outside": (lambda f: replace_array(f, "Regroup", "index", data=np.array([[0, 10**6]])),
                      "outside 0"),
    "index twice": (lambda f: replace_array(f, "Regroup", "index", data=np.array([[3, 3]])),
                    "position 3 twice"),
    "no index": (lambda f: replace_array(f, "Regroup", "index", data=np.zeros((0, 4), "i1")),
                 "index has shape"),
    "no targets": (lambda f: replace_array(f, "Sparse", "targets", data=np.zeros(0, "i4")),
                   "weights for 0 targets"),
    "targets in a grid": (lambda f: replace_array(f, "Sparse", "targets",
                                                  data=np.zeros((2, 2), "i4")), "a vector"),
    "target outside": (lambda f: edit(f, "Sparse", "targets", 0, 120), "targets: 120 is outside"),
    "target twice": (lambda f: edit(f, "Sparse", "targets", 0, 2), "rising and once"),
    "heavy synapse": (lambda f: edit(f, "Sparse", "weight", 0, -128), "weight: -128 is outside"),
    "starts late": (lambda f: edit(f, "Sparse", "starts", 0, 1), "starts goes from 1"),
    "starts falls": (lambda f: edit(f, "Sparse", "starts", 1, 100), "starts falls at source 1"),
    "no neurons": (lambda f: set_fields(f, "Sparse", count=0), "count 0 is not in 1"),
    "no kernel": (lambda f: set_fields(f, "SumPool", kernel_down=0), "kernel_down 0"),
    "list of steps": (lambda f: set_fields(f, "Delay", steps=[2]), "both as text and as an array"),
    "steps back": (lambda f: replace_array(f, "Delay", "steps", data=np.array([-1])), "negative"),
    "many steps": (lambda f: replace_array(f, "Delay", "steps", data=np.array([2**40])),
                   "would hold"),
    "many neurons": (lambda f: set_fields(f, "LIF", channels=2**30), "1073741824 channels, limit"),
    "odd bias": (lambda f: replace_array(f, "LIF", "bias", data=np.array([1] * 99)),
                 "bias has shape"),
    "text field": (lambda f: set_fields(f, "LIF", dv="3"), "dv is no int"),
    "given twice": (lambda f: set_fields(f, "Dense", weight=[[1]]), "both as text and as an array"),
    "list for array": (lambda f: (replace_array(f, "Dense", "weight"),
                                  set_fields(f, "Dense", weight=[[1]])), "weight is no IntArray"),
    "big weight": (lambda f: replace_array(f, "Dense", "weight", data=np.full((6, 6), 300)),
                   "beyond ±127"),
    "float array": (lambda f: replace_array(f, "Dense", "weight", data=np.ones((6, 6))),
                    "not an array of integers"),
    "no array": (lambda f: replace_array(f, "Dense", "weight"), "wrong fields"),
    "huge array": (lambda f: replace_array(f, "Dense", "weight", **HUGE), "holds 0 bytes"),
    "huge meta": (lambda f: (f.__delitem__("meta"),
                             f.create_dataset("meta", shape=(2**24,), dtype="u1", chunks=(2**20,))),
                  "'meta' claims 16777216 numbers and holds 0 bytes"),
    "flat meta": (lambda f: (f.__delitem__("meta"), f.create_dataset("meta", data=np.uint8(1))),
                  "meta: expected"),
    "outer edges": (lambda f: (f.__delitem__("edges"),
                               f.__setitem__("edges", h5py.ExternalLink("/elsewhere.h5", "/x"))),
                    "'edges' is a link"),
    "outer nodes": (lambda f: (f.__delitem__("nodes"),
                               f.__setitem__("nodes", h5py.ExternalLink("/elsewhere.h5", "/x"))),
                    "'nodes' is a link"),
    "outer node": (lambda f: f["nodes"].__setitem__("x", h5py.ExternalLink("/elsewhere.h5", "/x")),
                   "'x' is a link"),
    "circle": (lambda f: f["nodes/000000"].__setitem__("x", f["/"]), "not an array of integers"),
    "array as node": (lambda f: f["nodes"].create_dataset("x", data=[1]), "'x' is an array"),
    "array as nodes": (lambda f: (f.__delitem__("nodes"), f.create_dataset("nodes", data=[1])),
                       "not a group"),
    "edge of text": (lambda f: set_edges(f, "abc"), "is not .source, target"),
    "edge short": (lambda f: set_edges(f, ["a", "b", "in", "out"]), "is not .source, target"),
    "edge to number": (lambda f: set_edges(f, ["a", 1, "in", "out", 0]), "is not .source, target"),
    "loop or not": (lambda f: set_edges(f, ["a", "b", "in", "out", 0, False]),
                    "true behind it where recurrent"),
    "endless delay": (lambda f: set_edges(f, ["a", "b", "in", "out", float("inf")]), "delay inf"),
    "half a step": (lambda f: set_edges(f, ["a", "b", "in", "out", 0.5]), "delay 0.5"),
    "long delay": (lambda f: set_edges(f, ["a", "b", "in", "out", 2**40]), "is outside 0..1048576"),
    "line break": (lambda f: set_fields(f, "Dense", **{"a\nb": 1}), r"a\\\\nb|a\\nb"),
    "edge with break": (lambda f: set_edges(f, ["a\n\x1b[2J", "b", "in", "out", 0]), r"a\\n"),
    "endless version": (lambda f: f.attrs.__setitem__("format_version", np.inf), "not a whole"),
    "endless channels": (lambda f: (replace_array(f, "Output", "bias"),
                                    set_fields(f, "Output", channels=2**31 - 1)),
                         "2147483647 channels, limit 1048576"),
    "null array": (lambda f: replace_array(f, "Dense", "weight", data=h5py.Empty("i4")),
                   "is empty"),
    "soft link": (lambda f: replace_array(f, "Dense", "weight", link=h5py.SoftLink("/edges")),
                  "is a link"),
    "outer link": (lambda f: replace_array(f, "Dense", "weight",
                                           link=h5py.ExternalLink("/elsewhere.h5", "/x")),
                   "is a link"),
    "huge shape": (lambda f: set_fields(f, "Input", shape=[2**20, 2**20]), "out of range"),
    "bad edges": (lambda f: f["edges"].__setitem__(0, 255), "not a readable"),
    "no edges": (lambda f: f.__delitem__("edges"), "not a readable"),
    "no nodes": (lambda f: f.__delitem__("nodes"), "not a readable"),
    "kind": (lambda f: f["nodes/000000"].attrs.__setitem__("kind", "Magic"),
             "unknown kind 'Magic'"),
}  # fmt: skip
