"""10,000 repetitions of each representative case, success and failure, leave
the number of allocated blocks and the resident size as they were."""

import json
import os

import pytest

import support

REPETITIONS = int(os.environ.get("PYFORY_LEAK_REPETITIONS", "10000"))

SCRIPT = """
    import gc, json, os, sys, time
    import pyfory, support
    from golden import cases as golden
    from pyfory.error import ForyError

    group, repetitions = sys.argv[1], int(sys.argv[2])

    def resident():
        try:
            with open("/proc/self/statm") as f:
                return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return 0

    NAMES = '''
        none int_1 int_9007199254740993 float_third str_ascii_100 str_bmp_nihao str_astral_mixed str_latin1_cafe bytes_abc date_2021
        datetime_2021_plus8 timedelta_mix decimal_123_45 decimal_big39 list_ints list_strs_kinds list_floats list_mixed list_none_mixed
        list_nested3 list_dicts list_sets list_bytes list_decimals tuple_mixed set_ints frozenset_ints dict_str_int3 dict_none_val_mid
        dict_mixed_keys_vals dict_nested dict_n300 ref_list_nested ref_shared_mixed ref_cycle_list ref_cycle_dict ref_shared_np array_Int32
        array_Float16 numpy_float64 pyarray_i list_np_arrays dict_np_vals guide_object_map st_Scalars_max_id_sc st_Scalars_max_nm_co st_Person_id_sc
        st_Person_nm_co st_Nested_nm_sc st_Nested_nm_co st_Nested_nm_co_ref st_Opt_full_nm_co st_Opt_none_id_sc st_Arrays_nm_co st_Times_nm_co
        st_Colls_nm_co st_Colls_nm_sc st_Empty_nm_co st_TagIds_nm_co st_Many120_nm_co st_SomeClass2_nm_co guide_ref_example guide_ref_example_sc
        enum_list_nm_co enum_dict_key_sc refst_pair_nm_co refst_node_two_nm_sc refst_tree_nm_co refst_box_nm_co refst_any_nm_co anyholder_co
        list_items_mixed_co list_items_mixed_sc evo_add_nm evo_skip_everything_nm evo_tag_rename_id evo_c_i32_f64_nm evo_c_list_arr_nm
        evo_c_dec_str_nm evo_c_f64_i32_frac_nm evo_c_list_i32_i64_nm unknown_struct_list misc_Slotted_nm_co misc_Frozen_nm_sc misc_Ignored_nm_co
        misc_Dyn_nm_co misc_PlainAnnotated_nm_co union_field_str_co ext_root_nm_co ext_holder_id_sc hash_mismatch_sc str_lone_surrogate
        unknown_struct_sc
    '''.split()

    def scenarios():
        if group == "vectors":
            for name in NAMES:
                case = golden.CASES[name]
                if case.needs_numpy and golden.numpy is None:
                    continue
                value, writer, reader = case.value(), case.writer(), case.reader()
                data = case.data
                try:
                    data = writer.serialize(value)
                except ForyError:
                    pass
                yield name + " write", lambda w=writer, v=value: w.serialize(v)
                if data is not None:
                    yield name + " read", lambda r=reader, d=data: r.deserialize(d)
                    half = data[:len(data) * 2 // 3]
                    yield name + " truncated", lambda r=reader, d=half: r.deserialize(d)
                    broken = bytearray(data)
                    broken[len(data) // 2] ^= 0x55
                    yield name + " damaged", lambda r=reader, d=bytes(broken): r.deserialize(d)
        elif group == "failures":
            class Person:
                name: str
                scores: list

            plain, tracked = pyfory.Fory(), pyfory.Fory(ref=True)
            bads = {
                "unregistered": [1, {"k": object()}], "too large": [1, 2, 2**70], "complex in dict": {"a": [1], "b": 1j},
                "too deep": support.lists_nested(60), "surrogate": ["ok", "\\ud800"], "tuple in set": {(1, 2)},
                "mixed": [1, "a", 2.5, {"x": b"y"}, object()], "decimal": [__import__("decimal").Decimal("NaN")],
            }
            for name, value in bads.items():
                yield name, lambda v=value: plain.serialize(v)
                yield name + " ref", lambda v=value: tracked.serialize(v)
            cycle = []
            cycle.append(cycle)
            yield "cycle", lambda: plain.serialize(cycle)

            class Raising(pyfory.Serializer):
                def write(self, context, value):
                    context.write_string("x" * 50)
                    raise KeyError("user")

                def read(self, context):
                    context.read_string()
                    raise KeyError("user")

            class Writing(Raising):
                def write(self, context, value):
                    context.write_string("x" * 50)

            bad, good = pyfory.Fory(), pyfory.Fory()
            bad.register(Person, type_id=1, serializer=Raising)
            good.register(Person, type_id=1, serializer=Writing)
            person = Person()
            yield "user error when writing", lambda: bad.serialize([[1], person])
            data = good.serialize([[1], person])
            yield "user error when reading", lambda: bad.deserialize(data)
            yield "wrong input", lambda: plain.deserialize(None)
            yield "bad registration", lambda: plain.register(Person, name="a.")
            yield "double registration", lambda: bad.register(Person, type_id=1)
            nested = pyfory.Fory()

            class Nested(pyfory.Serializer):
                def write(self, context, value):
                    context.write_bytes_and_size(nested.serialize([1, {"a": "b"}]))

                def read(self, context):
                    return nested.deserialize(context.read_bytes_and_size())

            nested.register(Person, type_id=1, serializer=Nested)
            nested_data = nested.serialize([person, 1])
            yield "re-entry write", lambda: nested.serialize([person, 1])
            yield "re-entry read", lambda: nested.deserialize(nested_data)
            buffer = pyfory.Buffer.allocate(64)

            def into_buffer():
                buffer.set_writer_index(0)
                buffer.set_reader_index(0)
                plain.serialize({"k": [1, 2]}, buffer)
                plain.deserialize(buffer)

            yield "buffer", into_buffer

            def out_of_band():
                taken = []
                data = plain.serialize([b"a", b"b"], buffer_callback=taken.append)
                plain.deserialize(data, buffers=[t.getbuffer() for t in taken])

            yield "out of band", out_of_band
            through = pyfory.Fory(ref=True)

            class Through(pyfory.Serializer):
                def write(self, context, value):
                    context.buffer.write_int32(5)
                    context.write_ref(["name"])
                    context.add_context_object(value, [1])
                    context.handle_unsupported_write([1])

                def read(self, context):
                    context.buffer.read_int32()
                    context.preserve_ref_id()
                    value = Person()
                    context.reference(value)
                    context.set_read_ref(0, [1])
                    value.name = context.read_ref()[0]
                    context.handle_unsupported_read()
                    return value

            through.register(Person, type_id=1, serializer=Through)
            through_data = through.serialize([person], unsupported_callback=lambda o: False)
            yield "lent buffer write", lambda: through.serialize([person], unsupported_callback=lambda o: False)
            yield "lent buffer refused", lambda: through.serialize([person])
            yield "lent buffer read", lambda: through.deserialize(through_data, unsupported_objects=[1])
            yield "lent buffer cut off", lambda: through.deserialize(through_data[:-3], unsupported_objects=[1])

            def own_contexts():
                target = pyfory.Buffer.allocate(8)
                through.write_context.prepare(target, buffer_callback=lambda o: False)
                through.write_context.write_ref({"k": [1.5, b"x"]})
                through.read_context.prepare(target, buffers=[b"x"], peer_out_of_band_enabled=True)
                through.read_context.read_ref()
                through.reset()

            yield "contexts of one's own", own_contexts

            class Sink:
                def write(self, data):
                    return min(len(data), 3000)

            rows = [["row %d" % i, {"n": i}] for i in range(400)]
            yield "dump", lambda: through.dump(rows, Sink())
            yield "dump that fails", lambda: through.dump(rows + [object()], Sink())
            yield "bytearray input", lambda: plain.deserialize(bytearray(b"\\x01\\xff\\x16\\x01\\x08\\x07\\x02"))
        else:
            import dataclasses
            from typing import Dict, List, Optional

            def instance():
                fory = pyfory.Fory(ref=True)
                fory.register(golden.space["Item"], name="l.Item")
                fory.register(golden.space["Nested"], name="l.Nested")
                fory.register(golden.space["Hue"], name="l.Hue")
                value = golden.evaluate("Nested(Item('a'),[Item('b')],{'k':Item('d')},Hue.Coral)")
                fory.deserialize(fory.serialize(value))

            yield "instance", instance

            def new_class():
                cls = dataclasses.make_dataclass("Made", [("a", int), ("b", List[str]), ("c", Optional[Dict[str, int]])])
                fory = pyfory.Fory(compatible=False)
                fory.register(cls, type_id=1)
                fory.deserialize(fory.serialize(cls(1, ["x"], None)))

            yield "class", new_class
            datas = []
            for n in range(8):
                cls = dataclasses.make_dataclass("Made", [("f%d" % i, int, dataclasses.field(default=i)) for i in range(n + 1)])
                fory = pyfory.Fory()
                fory.register(cls, name="l.Made")
                datas.append(fory.serialize(cls()))

            def schemas():
                fory = pyfory.Fory()
                for data in datas:
                    fory.deserialize(data)

            yield "schemas", schemas

    def run(call, n):
        for _ in range(n):
            try:
                call()
            except (ForyError, TypeError, KeyError):
                pass

    report = []
    full = repetitions if group != "instances" else max(100, repetitions // 20)
    slow = ("dump", "dump that fails")
    for name, call in scenarios():
        count = full // 20 if name in slow else full
        warm = max(20, count // 50)
        run(call, warm)
        gc.collect()
        run(call, warm)
        gc.collect()
        blocks, size, started = sys.getallocatedblocks(), resident(), time.time()
        run(call, count)
        gc.collect()
        grown, bytes_grown = sys.getallocatedblocks() - blocks, resident() - size
        if grown > 150 or bytes_grown > 4 * 2**20:
            # once more: a table that grew once is no leak
            blocks, size = sys.getallocatedblocks(), resident()
            run(call, count)
            gc.collect()
            again, bytes_again = sys.getallocatedblocks() - blocks, resident() - size
            if again > 150 or bytes_again > 4 * 2**20:
                report.append("%s: %d then %d blocks, %d then %d KiB over %d calls" % (
                    name, grown, again, bytes_grown // 1024, bytes_again // 1024, count))
        if time.time() - started > 5:
            print(name, "took", round(time.time() - started, 1), file=sys.stderr)
    print(json.dumps(report))
"""


@pytest.mark.parametrize("group", ["vectors", "failures", "instances"])
def test_nothing_leaks(group):
    # the debug hooks of a sanitizer build make resident size meaningless and slow
    out = support.check_python(SCRIPT, args=[group, str(REPETITIONS)], timeout=900, env={"PYTHONHASHSEED": "0"})
    report = json.loads(out.splitlines()[-1])
    assert report == [], "\n".join(report)


def test_reference_counts_of_constants():
    out = support.check_python("""
        import gc, sys, pyfory
        fory = pyfory.Fory(ref=True)
        key = "a key that lives elsewhere"
        value = {key: [None, True, (), 1.5, key]}
        fory.deserialize(fory.serialize(value))
        things = [key, None, True, (), pyfory.Fory, list, dict, value]


        def run():
            for _ in range(5000):
                fory.deserialize(fory.serialize(value))
                try:
                    fory.serialize([value, object()])
                except TypeError:
                    pass

        for _ in range(3):
            run()  # imports and caches of the interpreter
            gc.collect()  # what the imports left behind holds None too
        before = [sys.getrefcount(t) for t in things]
        run()
        gc.collect()
        after = [sys.getrefcount(t) for t in things]
        print(max(abs(a - b) for a, b in zip(after, before)))
    """)
    assert int(out) < 50
