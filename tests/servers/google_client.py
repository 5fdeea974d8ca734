"""Google's own client against the bucket of these tests: google_client.py http://127.0.0.1:PORT

What larder left in the bucket is there and whole; what is left here, larder looks at afterwards.
"""

import datetime
import os
import sys
import tempfile

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core.exceptions import NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account


def pattern(length):
    return bytes(index % 251 for index in range(length))


def refused(kind, work):
    try:
        work()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected")


endpoint = sys.argv[1]
client = storage.Client(project="lab", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})
bucket = client.bucket("lab")

# What larder wrote, whole and in part.
assert bucket.blob("it/roots/larder").download_as_bytes() == b"from larder"
assert bucket.blob("it/packs/ab/larder").download_as_bytes() == pattern(40_000_000)
assert bucket.blob("it/packs/ab/larder").download_as_bytes(start=9_000_000, end=9_000_099) == pattern(9_000_100)[-100:]
assert bucket.blob("it/packs/ab/larder").download_as_bytes(start=39_999_990) == pattern(40_000_000)[-10:]

# Creating, replacing and deleting by generation.
blob = bucket.blob("it/leases/google")
blob.upload_from_string(b"from google", if_generation_match=0)
first = blob.generation
refused(PreconditionFailed, lambda: bucket.blob(blob.name).upload_from_string(b"other", if_generation_match=0))
refused(PreconditionFailed, lambda: bucket.blob("it/leases/larder").upload_from_string(b"other", if_generation_match=0))
blob.upload_from_string(b"and again", if_generation_match=first)
assert blob.generation != first and blob.size == len(b"and again")
refused(PreconditionFailed, lambda: blob.upload_from_string(b"other", if_generation_match=first))
refused(PreconditionFailed, lambda: bucket.blob(blob.name).delete(if_generation_match=first))
assert blob.download_as_bytes() == b"and again"
passing = bucket.blob("it/roots/passing")
passing.upload_from_string(b"")
assert passing.exists() and passing.download_as_bytes() == b""
passing.delete()
assert not passing.exists()
refused(NotFound, passing.delete)
refused(NotFound, passing.download_as_bytes)

# Pages.
names = [blob.name for blob in bucket.list_blobs(prefix="many/")]
assert names == sorted(set(names)) and len(names) == 2_500, len(names)
pages = [len(list(page)) for page in bucket.list_blobs(prefix="many/", page_size=700).pages]
assert pages == [700, 700, 700, 400], pages

# In parts: the interface that larder uses, spoken by Google's client.
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "long")
    with open(path, "wb") as file:
        file.write(pattern(12_000_000))
    transfer_manager.upload_chunks_concurrently(
        path, bucket.blob("it/packs/ab/google"), chunk_size=5 << 20, worker_type=transfer_manager.THREAD
    )

# The same interface by addresses that Google's client makes and signs.
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pem = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
signer = service_account.Credentials.from_service_account_info(
    {"client_email": "a@b", "private_key": pem, "token_uri": "http://127.0.0.1/none"}
)


def signed(name, method, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    address = bucket.blob(name).generate_signed_url(
        datetime.timedelta(hours=1), api_access_endpoint=endpoint, method=method, headers=headers, credentials=signer,
        version="v4",
    )
    return requests.request(method, address, data=body, headers=headers, timeout=60)


assert signed("it/roots/signed", "PUT", b"signed", x_goog_if_generation_match="0").status_code == 200
assert signed("it/roots/signed", "PUT", b"other", x_goog_if_generation_match="0").status_code == 412
generation = signed("it/roots/signed", "HEAD").headers["x-goog-generation"]
assert signed("it/roots/signed", "GET").content == b"signed"
assert bucket.get_blob("it/roots/signed").generation == int(generation)
assert signed("it/roots/none", "GET").status_code == 404
