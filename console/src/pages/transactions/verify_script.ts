/** The Python program that verifies receipts. docs/receipts.md has the same lines, and CI runs them. */

export const VERIFY_SCRIPT = `import base64, collections, json, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

keys = {key["kid"]: decoded(key["x"]) for key in json.load(open("keys.json"))["keys"]}
for receipt in sys.stdin.read().split():
    header, claims, signature = receipt.split(".")
    said = json.loads(decoded(header))
    assert (said["alg"], said["typ"]) == ("EdDSA", "receipt+jwt"), "this is no receipt"
    key = Ed25519PublicKey.from_public_bytes(keys[said["kid"]])
    key.verify(decoded(signature), f"{header}.{claims}".encode())  # raises InvalidSignature
    entry = json.loads(decoded(claims))
    if "prices" in entry:
        price, count = collections.Counter(entry["prices"]), collections.Counter(entry["usage"])
        cached, written = count["cached_input_tokens"], count["cache_write_tokens"]
        millionths = price["input"] * (count["input_tokens"] - cached - written) + price["cached_input"] * cached
        millionths += price["cache_write"] * written + price["output"] * count["output_tokens"]
        cost = -(-millionths // 1_000_000) + price["request"] + price["image"] * count["images"]
        assert entry["cost"] == min(cost, entry.get("capped_at", cost)), "the cost does not follow"
    print(entry["jti"], entry["kind"], entry["credits"])
`;
