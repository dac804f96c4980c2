"""An S3-compatible server for tests: moto's, which judges every signature by botocore's own rules.

Prints "ready PORT ACCESS_KEY SECRET_KEY" when it serves the bucket named by the first argument. What it is asked is
remembered, and it misbehaves when told to:

    POST /-/faults    [{"method", "contains", "times", "action"}]; the first that fits a request is done and counted
                      actions: "503 SlowDown" and the like answer so; "hang" never answers; "reset" breaks the
                      connection off in the middle of the body; "lose" does what is asked, then breaks off
    GET /-/log        a line for each request: method, path with query, status
    POST /-/wait      answers when there is a line that contains its body
"""

import io
import json
import os
import socket
import struct
import sys
import threading

# The calls that make the user below; all others are judged.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "3"

import boto3  # noqa: E402
import flask  # noqa: E402
import moto.iam.access_control as access_control  # noqa: E402
from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


def judge_what_was_sent():
    """moto judges a path and a query that it has decoded, and so refuses names which Amazon takes, also from boto3."""
    make = access_control.IAMRequestBase._create_aws_request

    def make_of_what_was_sent(self):
        request = make(self)
        request.url = flask.request.environ["RAW_URI"]
        return request

    access_control.IAMRequestBase._create_aws_request = make_of_what_was_sent


class Misbehaving:
    def __init__(self, app):
        self.app = app
        self.lock = threading.Condition()
        self.faults = []
        self.log = []

    def __call__(self, environ, start_response):
        method, address = environ["REQUEST_METHOD"], environ["RAW_URI"]
        if address == "/-/faults":
            with self.lock:
                self.faults = json.loads(self.body(environ))
            return self.answer(start_response, "200 OK", b"")
        if address == "/-/log":
            with self.lock:
                text = "\n".join(self.log)
            return self.answer(start_response, "200 OK", text.encode())
        if address == "/-/wait":
            text = self.body(environ).decode()
            with self.lock:
                self.lock.wait_for(lambda: any(text in line for line in self.log))
            return self.answer(start_response, "200 OK", b"")
        fault = self.fault(method, address)
        if fault:
            self.note(method, address, fault)
        if fault == "hang":
            threading.Event().wait()
        if fault == "reset":
            environ["wsgi.input"].read(min(1000, int(environ.get("CONTENT_LENGTH") or 0)))
            return self.reset(environ, start_response)
        if fault == "lose":
            environ["wsgi.input"] = io.BytesIO(self.body(environ))
            list(self.app(environ, lambda status, headers, exc_info=None: None))
            return self.reset(environ, start_response)
        if fault:
            self.body(environ)
            code = fault.split(" ", 1)[1]
            return self.answer(start_response, fault, f"<Error><Code>{code}</Code></Error>".encode())

        def started(status, headers, exc_info=None):
            self.note(method, address, status.split(" ")[0])
            return start_response(status, headers, exc_info)

        return self.app(environ, started)

    def fault(self, method, address):
        with self.lock:
            for fault in self.faults:
                if fault["times"] > 0 and fault["method"] == method and fault["contains"] in address:
                    fault["times"] -= 1
                    return fault["action"]
        return None

    def note(self, method, address, status):
        with self.lock:
            self.log.append(f"{method} {address} {status}")
            self.lock.notify_all()

    @staticmethod
    def body(environ):
        return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))

    @staticmethod
    def answer(start_response, status, body):
        start_response(status, [("content-type", "text/plain"), ("content-length", str(len(body)))])
        return [body]

    @staticmethod
    def reset(environ, start_response):
        connection = environ["werkzeug.socket"]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Its file objects keep it open otherwise.
        os.close(connection.detach())
        raise ConnectionResetError("as told")


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type, message, *args):
        pass


def main():
    bucket = sys.argv[1]
    judge_what_was_sent()
    app = Misbehaving(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = {"endpoint_url": f"http://127.0.0.1:{server.port}", "region_name": "us-east-1"}
    iam = boto3.client("iam", aws_access_key_id="x", aws_secret_access_key="x", **place)
    iam.create_user(UserName="fanfare")
    key = iam.create_access_key(UserName="fanfare")["AccessKey"]
    iam.put_user_policy(UserName="fanfare", PolicyName="all", PolicyDocument=POLICY)
    store = boto3.client(
        "s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"], **place)
    store.create_bucket(Bucket=bucket)
    print("ready", server.port, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
    # Its input ends with the test that started it.
    sys.stdin.buffer.read()


main()
