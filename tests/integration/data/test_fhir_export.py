"""FHIR Bulk Data against a local server that follows the specification: token, kick-off, polling, files, deletions, and its faults."""

import json
import threading
import time
from contextlib import contextmanager

import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from data.errors import SourceDown
from data.raw import RawStore
from data.sources import connector

pytestmark = pytest.mark.integration


def patient(number):
    return (
        json.dumps({"resourceType": "Patient", "id": f"p{number}", "birthDate": "1980-01-01", "note": "Findme"}) + "\n"
    )


class Server:
    """A bulk data server: what it holds, what it was asked, and which faults it has."""

    def __init__(self, public=None):
        self.public, self.asked, self.jtis, self.tokens = public, [], set(), {}
        self.files = {"Patient": [patient(1), patient(2)], "Observation": [""]}
        self.deleted, self.moment, self.exports = [], "2026-01-01T00:00:00Z", 0
        self.polls, self.faults, self.ended = 2, {}, 0
        self.manifest_more = {}

    def fault(self, name):
        left = self.faults.get(name, 0)
        self.faults[name] = left - 1
        return left > 0

    async def smart(self, request):
        return JSONResponse({"token_endpoint": f"{self.base}/token"})

    async def token(self, request):
        form = await request.form()
        try:
            claims = jwt.decode(
                form["client_assertion"], self.public, ["RS384", "ES384"], audience=f"{self.base}/token", issuer="rr"
            )
            assert claims["sub"] == "rr"
            assert claims["exp"] - time.time() <= 300
            assert claims["jti"] not in self.jtis
            assert form["grant_type"] == "client_credentials"
        except (jwt.PyJWTError, AssertionError, KeyError):
            return JSONResponse({"error": "invalid_client"}, 400)
        self.jtis.add(claims["jti"])
        token = f"secret-token-{len(self.jtis)}"
        self.tokens[token] = True
        return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": 300})

    def allowed(self, request):
        if self.public is None:
            return True
        return self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "), False)

    async def export(self, request):
        self.asked.append(dict(request.query_params) | {"path": request.url.path})
        if not self.allowed(request):
            return Response(status_code=401)
        if self.fault("refuses"):
            issue = {"severity": "error", "code": "forbidden", "diagnostics": "patient Findme"}
            return JSONResponse({"resourceType": "OperationOutcome", "issue": [issue]}, 403)
        assert request.headers["prefer"] == "respond-async"
        assert request.headers["accept"] == "application/fhir+json"
        self.exports += 1
        self.left = self.polls
        return Response(status_code=202, headers={"Content-Location": f"{self.base}/status/{self.exports}"})

    async def status(self, request):
        if request.method == "DELETE":
            self.ended += 1
            return Response(status_code=202)
        if not self.allowed(request):
            return Response(status_code=401)
        if self.fault("expires"):
            self.tokens.clear()
            return Response(status_code=401)
        if self.fault("busy"):
            return Response(status_code=429, headers={"Retry-After": "0"})
        self.left -= 1
        if self.left > 0:
            return Response(status_code=202, headers={"Retry-After": "0", "X-Progress": "half"})
        if self.fault("odd-manifest"):
            return JSONResponse({"output": "nothing"})
        place = f"{self.base}/files/{self.exports}"
        output = [
            {"type": kind, "url": f"{place}/{kind}/{n}"}
            for kind, parts in self.files.items()
            for n in range(len(parts))
        ]
        deleted = [{"type": "Bundle", "url": f"{place}/deleted/{n}"} for n in range(len(self.deleted))]
        manifest = {
            "transactionTime": self.moment,
            "request": "x",
            "requiresAccessToken": True,
            "output": output,
            "deleted": deleted,
            "error": [],
        }
        return JSONResponse(manifest | self.manifest_more)

    async def file(self, request):
        if not self.allowed(request):
            return Response(status_code=401)
        export, kind, number = (request.path_params[name] for name in ("export", "kind", "number"))
        if self.fault("gone") or int(export) != self.exports:
            return Response(status_code=404)
        parts = self.deleted if kind == "deleted" else self.files[kind]
        content = parts[int(number)].encode()
        if kind == "Patient" and self.fault("breaks-off"):

            async def half():
                yield content[: len(content) // 2]
                raise ConnectionError

            return StreamingResponse(half(), headers={"Content-Length": str(len(content))})
        return Response(content)


@contextmanager
def serving(server):
    routes = [
        Route("/.well-known/smart-configuration", server.smart), Route("/token", server.token, methods=["POST"]),
        Route("/$export", server.export), Route("/Group/{group}/$export", server.export),
        Route("/status/{export}", server.status, methods=["GET", "DELETE"]), Route("/files/{export}/{kind}/{number}", server.file),
    ]  # fmt: skip
    config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="critical", ws="none")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    server.base = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        running.should_exit = True
        thread.join(10)


def keys(kind, path):
    private = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP384R1())
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return private.public_key()


@pytest.fixture
def server():
    with serving(Server()) as one:
        yield one


def source(server, **options):
    return connector("fhir-export", "ehr", "ehr", url=server.base, poll_seconds=0.05, **options)


def test_an_export_becomes_arrivals(server, tmp_path):
    store = RawStore(tmp_path)
    assert store.ingest(source(server, types=["Patient", "Observation"], group="g1")).new == 4
    assert server.asked == [
        {"_outputFormat": "application/fhir+ndjson", "_type": "Patient,Observation", "path": "/Group/g1/$export"}
    ]
    kept = [(one.media, one.path.read_text()) for one in store.arrivals()]
    assert [media for media, _ in kept] == ["fhir+manifest", *["fhir+ndjson"] * 3]
    assert [text for media, text in kept if media == "fhir+ndjson"] == [patient(1), patient(2), ""]
    assert server.ended == 1


def test_the_next_export_asks_for_what_changed_since(server, tmp_path, staged):
    store = RawStore(tmp_path)
    store.ingest(source(server))
    server.moment, server.files = "2026-02-01T00:00:00Z", {"Patient": [patient(3)]}
    entry = {"request": {"method": "DELETE", "url": "Patient/p1"}}
    server.deleted = [json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}) + "\n"]
    store.ingest(source(server))
    assert [one.get("_since") for one in server.asked] == [None, "2026-01-01T00:00:00Z"]
    con = staged(*((one.name, one.media, one.path.read_bytes()) for one in store.current()))
    found = con.execute("SELECT mrn FROM vault.patient_index ORDER BY 1").fetchall()
    assert found == [("p2",), ("p3",)]


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_token_is_got_and_renewed(tmp_path, kind):
    public = keys(kind, tmp_path / "key.pem")
    with serving(Server(public)) as server:
        server.faults = {"expires": 1, "busy": 1}
        options = {"client_id": "rr", "key": tmp_path / "key.pem"}
        assert RawStore(tmp_path / "raw").ingest(source(server, **options)).new == 4
        assert len(server.jtis) == 2


def test_a_wrong_key_is_refused_in_words(tmp_path):
    keys("rsa", tmp_path / "other.pem")
    with serving(Server(keys("rsa", tmp_path / "key.pem"))) as server:
        with pytest.raises(SourceDown, match="invalid_client"):
            list(source(server, client_id="rr", key=tmp_path / "other.pem").read())
        with pytest.raises(SourceDown, match="no private key"):
            list(source(server, client_id="rr", key=tmp_path / "nowhere.pem").read())


def test_a_file_that_breaks_off_is_fetched_again(server, tmp_path):
    server.faults = {"breaks-off": 1}
    store = RawStore(tmp_path)
    store.ingest(source(server))
    assert patient(1) in [one.path.read_text() for one in store.arrivals()]


def test_an_export_that_breaks_off_goes_on_where_it_was(server, tmp_path):
    store = RawStore(tmp_path)
    server.faults = {"breaks-off": 100}
    server.files = {"Observation": ["", ""], "Patient": [patient(1)]}
    with pytest.raises(SourceDown, match="broke off") as error:
        store.ingest(source(server))
    assert "Findme" not in str(error.value)
    assert len(store.arrivals()) == 3
    assert store.standing("ehr").problem == "source_down"
    server.faults = {}
    store.ingest(source(server))
    assert server.exports == 1
    assert [one.path.read_text() for one in store.arrivals() if one.media == "fhir+ndjson"] == ["", "", patient(1)]
    assert store.standing("ehr").problem is None


def test_an_export_whose_files_are_gone_begins_anew(server, tmp_path):
    store = RawStore(tmp_path)
    server.faults = {"breaks-off": 100}
    with pytest.raises(SourceDown):
        store.ingest(source(server))
    server.faults = {"gone": 1}
    server.moment = "2026-01-02T00:00:00Z"
    store.ingest(source(server))
    assert server.exports == 2
    assert patient(1) in [one.path.read_text() for one in store.arrivals()]


def test_the_token_goes_to_no_other_server(tmp_path):
    with serving(Server(keys("rsa", tmp_path / "key.pem"))) as server, serving(Server()) as other:
        server.manifest_more = {"output": [{"type": "Patient", "url": f"{other.base}/files/0/Patient/0"}]}
        store = RawStore(tmp_path / "raw")
        with pytest.raises(SourceDown, match="another server"):
            store.ingest(source(server, client_id="rr", key=tmp_path / "key.pem"))
        assert other.asked == []


@pytest.mark.parametrize(("fault", "words"), [("refuses", "error forbidden"), ("odd-manifest", "manifest")])
def test_a_server_that_refuses_is_quoted_by_codes_alone(server, fault, words):
    server.faults = {fault: 1}
    with pytest.raises(SourceDown, match=words) as error:
        list(source(server).read())
    assert "Findme" not in str(error.value)


def test_a_server_that_never_finishes_is_given_up(server):
    server.polls = 10_000
    with pytest.raises(SourceDown, match="in time"):
        list(source(server, timeout=0.5).read())


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(SourceDown, match="cannot be reached"):
        list(connector("fhir-export", "ehr", "ehr", url="http://127.0.0.1:9").read())
