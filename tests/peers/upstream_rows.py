"""Rows written by upstream pyfory, in its own interpreter (see test_peer_rows.py).

One JSON request line, one answer line. A request has the bytes of a schema or
the source of a class, and either the expression of a value or the hex of a row.
"""

import datetime
import json
import sys
import traceback
import types
import typing
import warnings

warnings.simplefilter("ignore")

import pyfory
from pyfory import format as rows

_modules = {}


def class_of(source, name):
    if source not in _modules:
        module = types.ModuleType("row_peer_%d" % len(_modules))
        sys.modules[module.__name__] = module
        module.__dict__.update((n, getattr(typing, n)) for n in ("Dict", "List", "Optional", "Set", "Tuple"))
        exec("import dataclasses, datetime, pyfory\nfrom dataclasses import dataclass\n" + source, module.__dict__)
        _modules[source] = module
    return getattr(_modules[source], name)


def answer(request):
    if "version" in request:
        return {"version": pyfory.__version__}
    if "source" in request:
        whole = rows.encoder(class_of(request["source"], request["name"]))
        encoder = whole.row_encoder
    else:
        encoder = rows.create_row_encoder(rows.Schema.from_bytes(bytes.fromhex(request["schema"])))
    schema = encoder.schema
    result = {"schema": schema.to_bytes().hex(), "hash": rows.compute_schema_hash(schema)}
    if "expression" in request:
        names = dict(vars(_modules[request["source"]]) if "source" in request else {}, datetime=datetime)
        row = encoder.to_row(eval(request["expression"], names))
        result["row"] = row.to_bytes().hex()
        result["value"] = str(row)
        if "source" in request:
            result["encoded"] = whole.encode(eval(request["expression"], names)).hex()
    elif "encoded" in request:
        result["value"] = repr(whole.decode(bytes.fromhex(request["encoded"])))
    elif "row" in request:
        data = bytes.fromhex(request["row"])
        result["value"] = str(rows.RowData(schema, data))
    return result


def main():
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except BaseException as error:
            result = {"error": "%s: %s" % (type(error).__name__, error), "trace": traceback.format_exc()[-1500:]}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
