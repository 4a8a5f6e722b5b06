"""Long transfers of a flow's steps, in threads of their own: a step starts one and polls."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..core import flow
from ..core.db import Database

_THREADS = 4


class Transfers:
    """This process's transfers. With no threads, each is done at once, where it is asked for.

    What is under way here dies with the process, and the step that asks again begins it anew: so
    the work must find out itself what is done already.
    """

    def __init__(self, db: Database, threads: int = _THREADS) -> None:
        self._db, self._inline = db, not threads
        self._lock = threading.Lock()
        self._jobs: dict[str, Future[bool]] = {}
        self._room = threading.Semaphore(max(threads, 1))

    def done(self, subject: str, key: str, work: Callable[[], bool]) -> bool:
        """Whether the work under this key is done; begins it where it is not under way.

        work: true when all is done, false when somebody else is at it. What it raised is raised
        here. `subject` is the flow that is woken when it ends.
        """
        if self._inline:
            return work()
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.done():
                return self._jobs.pop(key).result()
            if job is None:
                job = self._jobs[key] = Future()
                # A daemon: a download of hours must not keep the process from its end.
                thread = threading.Thread(
                    target=self._run, args=(subject, job, work), name="transfer", daemon=True
                )
                thread.start()
        return False

    def _run(self, subject: str, job: "Future[bool]", work: Callable[[], bool]) -> None:
        with self._room:
            try:
                job.set_result(work())
            except BaseException as problem:
                job.set_exception(problem)
        self._db.run(lambda tx: flow.wake(tx, subject), promise=False)
