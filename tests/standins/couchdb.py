"""A stand-in for CouchDB where the tests' server cannot serve: ``_purge``, compaction that takes its time, refusals."""

from __future__ import annotations

import itertools
import json
from collections.abc import Coroutine
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource


class CouchDb(Resource):
    """One database, ``/meet``, in memory.

    ``refusals`` has the status for each path that is refused, ``compacting`` whether it is at it;
    ``asked`` is what it was asked, in order.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self.refusals: dict[str, int] = {}
        self.compacting = False
        self.asked: list[str] = []
        self.treq = StubTreq(self)
        self._revisions = itertools.count(1)

    def told(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What ``work`` comes to, which asks this."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        while not results:
            before = len(self.asked)
            self.treq.flush()
            assert results or len(self.asked) > before, "It waits for something else than an answer."
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def render(self, request: Any) -> bytes:
        """Answer one question."""
        method, path = request.method.decode(), request.path.decode().removeprefix("/meet")
        self.asked.append(f"{method} {path}")
        request.setHeader("Content-Type", "application/json")
        if path in self.refusals:
            request.setResponseCode(self.refusals[path])
            return json.dumps({"error": "refused", "reason": "You are not a server admin."}).encode()
        body = json.loads(request.content.read() or b"null")
        query = {key.decode(): json.loads(values[0]) for key, values in request.args.items()}
        answer = {
            "GET ": lambda: {"compact_running": self.compacting},
            "GET /_all_docs": lambda: self._range(**query),
            "POST /_all_docs": lambda: {"rows": [self._row(key) for key in body["keys"]]},
            "POST /_bulk_docs": lambda: [self._write(each) for each in body["docs"]],
            "POST /_purge": lambda: self._purge(body),
            "POST /_compact": lambda: {"ok": True},
        }[f"{method} {path}"]
        return json.dumps(answer()).encode()

    def _range(
        self, startkey: str, endkey: str, limit: int, include_docs: bool = False, descending: bool = False
    ) -> dict[str, Any]:
        low, high = (endkey, startkey) if descending else (startkey, endkey)
        keys = [key for key in sorted(self.documents, reverse=descending) if low <= key <= high]
        return {"rows": [self._row(key) for key in keys[:limit]]}

    def _row(self, key: str) -> dict[str, Any]:
        held = self.documents.get(key)
        if held is None:
            return {"key": key, "error": "not_found"}
        return {"id": key, "key": key, "value": {"rev": held["_rev"]}, "doc": held}

    def _write(self, fresh: dict[str, Any]) -> dict[str, Any]:
        key = fresh["_id"]
        if fresh.get("_rev") != self.documents.get(key, {}).get("_rev"):
            return {"id": key, "error": "conflict", "reason": "Document update conflict."}
        if fresh.get("_deleted"):
            del self.documents[key]
            self.deleted.add(key)
        else:
            self.documents[key] = fresh | {"_rev": f"{next(self._revisions)}-x"}
        return {"ok": True, "id": key}

    def _purge(self, body: dict[str, list[str]]) -> dict[str, Any]:
        out = {key: revs for key, revs in body.items() if self.documents.get(key, {}).get("_rev") in revs}
        for key in out:
            del self.documents[key]
        return {"purge_seq": None, "purged": out}
