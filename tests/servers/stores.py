#!/usr/bin/env python3
"""Starts an emulator of one object store, puts a file into it, prints where it is as JSON, and stops with standard input.

The file lies at `public/dir/a.tif`, which anybody may read, and, where the emulator knows permissions, at `private/dir/a.tif`,
which is refused to who does not sign. What a signature is worth only the emulator of Azure checks.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

KEY = "dir/a.tif"
BIN = pathlib.Path(sys.executable).parent
# Those that every installation of the emulator has; they open nothing else.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def command(kind, port, folder):
    port = str(port)
    if kind == "s3":
        return [BIN / "moto_server", "--host", "127.0.0.1", "--port", port]
    if kind == "azure":
        quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        return [os.environ["AZURITE"], "--blobHost", "127.0.0.1", "--blobPort", port, "--location", folder, *quiet]
    return [sys.executable, __file__, "serve-gcs", port]


def serve_gcs(port):
    """The emulator, with the two headers of every answer of the real store that it leaves out."""
    from gcp_storage_emulator import server
    from gcp_storage_emulator.handlers import objects

    download = objects.download

    def with_headers(request, response, storage, *args, **kwargs):
        response["ETag"], response["Last-Modified"] = '"first"', "Wed, 21 Oct 2015 07:28:00 GMT"
        download(request, response, storage, *args, **kwargs)

    server.HANDLERS = tuple(
        (path, {method: with_headers if handler is download else handler for method, handler in handlers.items()})
        for path, handlers in server.HANDLERS
    )
    server.create_server("127.0.0.1", int(port), in_memory=True, default_bucket="public").run()


def wait_for(port, server):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if server.poll() is not None:
            sys.exit(f"the emulator ended with {server.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the emulator does not answer")


def send(method, address, content, kind):
    request = urllib.request.Request(address, data=content, method=method, headers={"Content-Type": kind})
    urllib.request.urlopen(request).read()


def fill_s3(endpoint, content):
    import boto3

    own = {"endpoint_url": endpoint, "region_name": "eu-west-3", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    s3 = boto3.client("s3", **own)
    for bucket, acl in [("public", "public-read"), ("private", "private")]:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        s3.put_object(Bucket=bucket, Key=KEY, Body=content, ACL=acl)
    return {"endpoint": endpoint, "key": "a", "secret": "b"}


def fill_azure(endpoint, content):
    from azure.storage.blob import BlobServiceClient

    endpoint = f"{endpoint}/{AZURE_ACCOUNT}"
    service = BlobServiceClient(endpoint, credential=AZURE_KEY)
    for container, access in [("public", "blob"), ("private", None)]:
        service.create_container(container, public_access=access).upload_blob(KEY, content)
    return {"endpoint": endpoint, "key": AZURE_ACCOUNT, "secret": AZURE_KEY}


def fill_gcs(endpoint, content):
    send("PUT", f"{endpoint}/public/{KEY}", content, "image/tiff")
    return {"endpoint": endpoint}


def main():
    if sys.argv[1] == "serve-gcs":
        return serve_gcs(sys.argv[2])
    kind, content = sys.argv[1], pathlib.Path(sys.argv[2]).read_bytes()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command(kind, port, folder), stdin=subprocess.DEVNULL, stdout=sys.stderr, cwd=folder)
        try:
            wait_for(port, server)
            fill = {"s3": fill_s3, "azure": fill_azure, "gcs": fill_gcs}[kind]
            print(json.dumps(fill(f"http://127.0.0.1:{port}", content)), flush=True)
            sys.stdin.read()
        finally:
            server.terminate()
            server.wait(10)


main()
