"""A process that writes a ledger from several threads, until it is told to stop, killed, or has written enough.

    ledger_writer.py URL FOLDER THREADS COUNT [NAME]

Each call's id goes to standard output once its outcome is recorded, as an answer would: what stands there must be in the ledger.
"""

import sys
import threading
import uuid
from pathlib import Path

from server.ledger import Ledger, load_or_create_keys


def main() -> None:
    url, folder, threads, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    name = sys.argv[5] if len(sys.argv) > 5 else "one"
    ledger, lock = Ledger(url, folder / f"{name}.checkpoint", load_or_create_keys(folder / "keys")), threading.Lock()

    def write() -> None:
        for number in range(count):
            call = uuid.uuid4().hex
            ledger.intent(call, {"session": name, "number": number}, bytes(200))
            ledger.outcome(call, {"status": "answered", "rows": number})
            with lock:
                sys.stdout.write(f"{call}\n")
                sys.stdout.flush()

    writers = [threading.Thread(target=write) for _ in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ledger.close()


if __name__ == "__main__":
    main()
