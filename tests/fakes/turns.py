"""Threads that take turns: a test decides what happens between any two of their calls."""

import threading
from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """Ends a thread from outside, as a process that is killed ends: nothing is put right."""


class Turns(threading.Thread):
    """Work in a thread of its own, which runs only while the test waits for it to stop.

    Attributes
    ----------
    dead
        Whether it has been killed: from then on it gets no further than to its next call.
    result
        What the work returned.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.dead = False
        self.result: Any = None
        self._work = work
        self._error: BaseException | None = None
        self._fate: Any = None
        self._finished = False
        self._its_turn = threading.Lock()
        self._our_turn = threading.Lock()
        self._its_turn.acquire()
        self._our_turn.acquire()
        self.start()

    def go_on(self, fate: Any = None) -> bool:
        """Let it run until its next stop, which it returns from with `fate`; False at its end."""
        if not self._finished:
            self._fate = fate
            self._its_turn.release()
            self._our_turn.acquire()
        if self._finished:
            self.join()
            if self._error is not None and not self.dead:
                raise self._error
        return not self._finished

    def stop(self) -> Any:
        """Wait for the next turn; to be called by the work before each of its calls."""
        if self.dead:
            raise Killed
        self._our_turn.release()
        self._its_turn.acquire()
        if self.dead:
            raise Killed
        return self._fate

    def kill(self) -> None:
        self.dead = True
        while self.go_on():
            pass

    def run(self) -> None:
        self._its_turn.acquire()
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test waits
            self._error = error
        self._finished = True
        self._our_turn.release()
