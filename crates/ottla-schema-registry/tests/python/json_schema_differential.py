# Random JSON schemas and values, and the result of Python's jsonschema for them, for tests/it/schema_registry/differential/rules.rs:
#   json_schema_differential.py COUNT SEED CASES
# A case has the schema, and values, each with its validity.

import json
import random
import sys

import jsonschema

DRAFTS = {
    "http://json-schema.org/draft-04/schema#": jsonschema.Draft4Validator,
    "http://json-schema.org/draft-06/schema#": jsonschema.Draft6Validator,
    "http://json-schema.org/draft-07/schema#": jsonschema.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": jsonschema.Draft202012Validator,
}
NAMES = ["a", "b", "c", "é"]


def value(rng, depth=3):
    choice = rng.randint(0, 7 if depth else 5)
    if choice == 0:
        return None
    if choice == 1:
        return rng.random() < 0.5
    if choice == 2:
        return rng.randint(-4, 12)
    if choice == 3:
        return rng.choice([0.5, 2.0, -1.25, 1e10])
    if choice in (4, 5):
        return rng.choice(["", "a", "abc", "naïve", "𝄞", "2024-01-31"])
    if choice == 6:
        return [value(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return {name: value(rng, depth - 1) for name in NAMES if rng.random() < 0.5}


def schema(rng, draft, depth=3):
    is_new, is_newest = "draft-04" not in draft, "2019" in draft or "2020" in draft
    if is_new and rng.random() < 0.1:
        return rng.random() < 0.7
    rules, inner = {}, lambda: schema(rng, draft, depth - 1)
    for _ in range(rng.randint(1, 3)):
        choice = rng.randint(0, 24 if depth else 11)
        if choice < 3:
            kinds = ["null", "boolean", "integer", "number", "string", "array", "object"]
            rules["type"] = rng.choice(kinds) if rng.random() < 0.6 else rng.sample(kinds, 2)
        elif choice == 3:
            several = {json.dumps(one): one for one in (value(rng, 1) for _ in range(rng.randint(1, 3)))}
            rules["enum"] = list(several.values())
        elif choice == 4 and is_new:
            rules["const"] = value(rng, 1)
        elif choice == 5:
            rules["minimum"], rules["maximum"] = rng.randint(-3, 2), rng.randint(3, 9)
        elif choice == 6:
            if is_new:
                rules["exclusiveMinimum"] = rng.randint(-3, 3)
            else:
                rules["minimum"], rules["exclusiveMinimum"] = rng.randint(-3, 3), True
        elif choice == 7:
            rules["multipleOf"] = rng.choice([1, 2, 3, 0.5])
        elif choice == 8:
            rules["minLength"], rules["maxLength"] = rng.randint(0, 1), rng.randint(1, 4)
        elif choice == 9:
            rules["pattern"] = rng.choice(["^a", "b", "^$", "^[0-9-]+$", "c$"])
        elif choice == 10:
            rules["minItems"], rules["uniqueItems"] = rng.randint(0, 2), rng.random() < 0.5
        elif choice == 11:
            rules["required"] = rng.sample(NAMES, rng.randint(1, 2))
        elif 12 <= choice < 15:
            rules["properties"] = {name: inner() for name in rng.sample(NAMES, 2)}
        elif choice == 15:
            rules["additionalProperties"] = rng.choice([False, True]) if rng.random() < 0.5 else inner()
        elif choice == 16:
            rules["patternProperties"] = {rng.choice(["^a", "é", "."]): inner()}
        elif choice == 17:
            rules["minProperties"], rules["maxProperties"] = rng.randint(0, 1), rng.randint(1, 3)
        elif choice == 18:
            if "2020" in draft:
                rules["prefixItems"] = [inner(), inner()]
            else:
                rules["items"] = [inner(), inner()]
        elif choice == 19:
            rules["items"] = inner()
        elif choice == 20 and is_new:
            rules["contains"] = inner()
        elif choice == 21:
            rules[rng.choice(["allOf", "anyOf", "oneOf"])] = [inner() for _ in range(rng.randint(1, 3))]
        elif choice == 22:
            rules["not"] = inner()
        elif choice == 23 and "draft-04" not in draft and "draft-06" not in draft:
            rules["if"], rules["then"], rules["else"] = inner(), inner(), inner()
        elif choice == 24 and is_newest:
            rules["dependentRequired"] = {rng.choice(NAMES): [rng.choice(NAMES)]}
            if rng.random() < 0.5:
                rules["unevaluatedProperties"] = False
    return rules


def main(count, seed, path):
    with open(path, "w") as cases:
        for number in range(count):
            rng = random.Random(seed + number)
            draft, kind = rng.choice(list(DRAFTS.items()))
            rules = schema(rng, draft)
            while not isinstance(rules, dict):
                rules = schema(rng, draft)
            rules["$schema"] = draft
            kind.check_schema(rules)
            values = [value(rng) for _ in range(12)]
            judged = [[one, kind(rules).is_valid(one)] for one in values]
            cases.write(json.dumps({"seed": seed + number, "schema": rules, "values": judged}) + "\n")
    print(count)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
