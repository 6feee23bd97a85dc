# Random .proto files and messages of them, for tests/it/schema_registry/differential/messages.rs:
#   protobuf_differential.py generate COUNT SEED CASES
#   protobuf_differential.py verify CASES ANSWERS
# A case has the file, the message's name, its bytes from Google's library, and those bytes with unknown fields. An
# answer has ottla's result for both: the bytes that it writes after reading, and the JSON. A difference is an error.

import json
import random
import sys
import tempfile
from pathlib import Path

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field
from grpc_tools import protoc

INTEGERS = ["int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64"]
SCALARS = INTEGERS + ["float", "double", "bool", "string", "bytes"]
WELL_KNOWN = {
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.Duration": "duration",
    "google.protobuf.StringValue": "wrappers",
    "google.protobuf.Int64Value": "wrappers",
    "google.protobuf.BoolValue": "wrappers",
    "google.protobuf.DoubleValue": "wrappers",
    "google.protobuf.BytesValue": "wrappers",
    "google.protobuf.Struct": "struct",
}
DEFAULTS = {"float": "1.5", "double": "-2.5", "bool": "true", "string": '"it\\"s"', "bytes": '"\\001\\377"'}


def message(rng, name, messages, syntax):
    """The text of a message, which may have nested messages."""
    lines, number, oneof = [], 0, 0
    for _ in range(rng.randint(1, 8)):
        number += rng.choice([1, 1, 1, 14, 2000])
        if 900 <= number < 2000:
            number += 2000
        kinds = SCALARS + ["Kind", *messages[-3:], *rng.sample(list(WELL_KNOWN), 2)]
        kind, field = rng.choice(kinds), f"field_{number}"
        choice = rng.random()
        if choice < 0.1:
            key = rng.choice([scalar for scalar in SCALARS if scalar not in ("float", "double", "bytes")])
            lines.append(f"  map<{key}, {kind}> {field} = {number};")
        elif choice < 0.2:
            oneof += 1
            others = "".join(f"    {rng.choice(kinds)} {field}x{n} = {number + n};\n" for n in range(1, 3))
            lines.append(f"  oneof one_{oneof} {{\n    {kind} {field} = {number};\n{others}  }}")
            number += 3
        elif choice < 0.4:
            is_packable = kind in SCALARS and kind not in ("string", "bytes")
            packed = rng.choice(["", " [packed = true]", " [packed = false]"]) if is_packable else ""
            lines.append(f"  repeated {kind} {field} = {number}{packed};")
        elif syntax == "proto3":
            lines.append(f"  {rng.choice(['', 'optional '])}{kind} {field} = {number};")
        elif choice < 0.5:
            lines.append(f"  optional group Group{number} = {number} {{ optional int32 a = 1; repeated string b = 2; }}")
        else:
            default = DEFAULTS.get(kind, "7" if kind in INTEGERS else "TWO" if kind == "Kind" else None)
            default = f" [default = {default}]" if default and rng.random() < 0.5 else ""
            lines.append(f"  {rng.choice(['optional', 'optional', 'required'])} {kind} {field} = {number}{default};")
    if syntax == "proto2":
        lines.append("  extensions 900 to 999;")
    return f"message {name} {{\n" + "\n".join(lines) + "\n}\n"


def file(rng, number):
    syntax = rng.choice(["proto2", "proto3"])
    text = f'syntax = "{syntax}";\npackage random.n{number};\n'
    text += "IMPORTS"
    text += "enum Kind { NONE = 0; ONE = 1; TWO = 2; LESS = -1; }\n"
    messages = []
    for index in range(rng.randint(1, 4)):
        text += message(rng, f"Message{index}", messages, syntax)
        messages.append(f"Message{index}")
    if syntax == "proto2":
        text += f"extend {messages[-1]} {{ optional sint64 extra = 900; repeated string texts = 901; optional Kind kind = 902; }}\n"
    used = sorted({file for name, file in WELL_KNOWN.items() if name in text})
    text = text.replace("IMPORTS", "".join(f'import "google/protobuf/{name}.proto";\n' for name in used))
    return text, f"random.n{number}.{messages[-1]}"


def pool_of(text):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "random.proto").write_text(text)
        well_known = str(Path(grpc_tools.__file__).parent / "_proto")
        out = Path(folder, "out")
        options = ["protoc", f"-I{folder}", f"-I{well_known}", "--include_imports", f"--descriptor_set_out={out}", "random.proto"]
        if protoc.main(options) != 0:
            raise SystemExit(text)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for one in files.file:
        pool.Add(one)
    return pool


def scalar(rng, field):
    kind = field.type
    limits = {
        Field.TYPE_INT32: 31, Field.TYPE_SINT32: 31, Field.TYPE_SFIXED32: 31,
        Field.TYPE_INT64: 63, Field.TYPE_SINT64: 63, Field.TYPE_SFIXED64: 63,
    }
    if kind in limits:
        return rng.choice([0, -1, rng.randint(-(2 ** limits[kind]), 2 ** limits[kind] - 1)])
    if kind in (Field.TYPE_UINT32, Field.TYPE_FIXED32):
        return rng.choice([0, 1, rng.randint(0, 2**32 - 1)])
    if kind in (Field.TYPE_UINT64, Field.TYPE_FIXED64):
        return rng.choice([0, 1, rng.randint(0, 2**64 - 1)])
    if kind == Field.TYPE_FLOAT:
        return rng.choice([0.0, -0.5, 1.25e10])
    if kind == Field.TYPE_DOUBLE:
        return rng.choice([0.0, rng.uniform(-1e9, 1e9)])
    if kind == Field.TYPE_BOOL:
        return rng.random() < 0.5
    if kind == Field.TYPE_STRING:
        return rng.choice(["", "text", "naïve ☃ 𝄞", '"\\'])
    if kind == Field.TYPE_BYTES:
        return rng.randbytes(rng.randint(0, 4))
    return rng.choice([value.number for value in field.enum_type.values])


def fill(rng, target, depth=0):
    """Sets fields; required ones always."""
    name = target.DESCRIPTOR.full_name
    if name == "google.protobuf.Struct":
        target.update({"a": rng.choice([None, 1.5, "x", True]), "b": [1, {"c": "d"}]})
        return
    if name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        target.seconds, target.nanos = rng.randint(0, 10**9), rng.choice([0, 5_000_000, 999_999_999])
        return
    fields = list(target.DESCRIPTOR.fields)
    if target.DESCRIPTOR.file.name == "random.proto":
        fields += [one for one in target.DESCRIPTOR.file.extensions_by_name.values() if one.containing_type == target.DESCRIPTOR]
    for field in fields:
        is_required = getattr(field, "is_required", False)
        if not is_required and (rng.random() < 0.4 or (depth > 3 and field.message_type)):
            continue
        place = (lambda: target.Extensions[field]) if field.is_extension else (lambda: getattr(target, field.name))
        is_repeated = field.is_repeated
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
            for _ in range(rng.randint(0, 2)):
                if value.message_type:
                    fill(rng, place()[scalar(rng, key)], depth + 1)
                else:
                    place()[scalar(rng, key)] = scalar(rng, value)
        elif field.message_type:
            if is_repeated:
                for _ in range(rng.randint(0, 2)):
                    fill(rng, place().add(), depth + 1)
            else:
                place().SetInParent()
                fill(rng, place(), depth + 1)
        elif is_repeated:
            place().extend(scalar(rng, field) for _ in range(rng.randint(0, 4)))
        elif field.is_extension:
            target.Extensions[field] = scalar(rng, field)
        else:
            setattr(target, field.name, scalar(rng, field))


def tag(number, wire_type):
    """The tag of an unknown field."""
    bits, data = (100_000 + number) << 3 | wire_type, b""
    while bits > 0x7F:
        data, bits = data + bytes([bits & 0x7F | 0x80]), bits >> 7
    return data + bytes([bits])


def generate(count, seed, path):
    with open(path, "w") as cases:
        for number in range(count):
            rng = random.Random(seed + number)
            text, name = file(rng, number)
            kind = message_factory.GetMessageClass(pool_of(text).FindMessageTypeByName(name))
            value = kind()
            fill(rng, value)
            data = value.SerializeToString(deterministic=True)
            # Unknown field numbers: a varint, a string, eight bytes, and a group.
            newer = data + tag(1, 0) + b"\x96\x01" + tag(2, 2) + b"\x02hi" + tag(3, 1) + bytes(8) + tag(4, 3) + b"\x08\x01" + tag(4, 4)
            case = {"seed": seed + number, "text": text, "message": name, "bytes": data.hex(), "newer": newer.hex()}
            cases.write(json.dumps(case) + "\n")
    print(count)


def verify(cases, answers):
    counts, disagreements = {"files": 0, "messages": 0}, []
    for line, answer in zip(open(cases), open(answers), strict=True):
        case, answer = json.loads(line), json.loads(answer)
        pool = pool_of(case["text"])
        kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(case["message"]))
        counts["files"] += 1
        for which in ["bytes", "newer"]:
            counts["messages"] += 1
            original = kind.FromString(bytes.fromhex(case[which]))
            written = kind.FromString(bytes.fromhex(answer[which]))
            one, other = (it.SerializeToString(deterministic=True) for it in (original, written))
            if one != other:
                disagreements.append(f"seed {case['seed']}: {which}: {one.hex()} became {other.hex()}\n{case['text']}")
            # JSON cannot represent unknown fields.
            known = kind.FromString(bytes.fromhex(case["bytes"]))
            parsed = json_format.ParseDict(answer["json"], kind(), descriptor_pool=pool)
            if parsed != known:
                disagreements.append(f"seed {case['seed']}: JSON: {known} became {parsed}\n{case['text']}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()), f"{len(disagreements)} disagreements", sep=", ")
    if disagreements:
        raise SystemExit("\n".join(disagreements[:5]))


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        verify(sys.argv[2], sys.argv[3])
