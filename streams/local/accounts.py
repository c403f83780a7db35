"""The converter's half of the ledger as it stands in the sink, and which of it the topic's reader was not told yet."""

from dataclasses import asdict

from streams.sink import Ledger
from topics.accounts import Account


class Accounts:
    """The sums of the minutes of late. At first all count as changed: the last run may have ended between commit and release."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changed = dict.fromkeys(ledger)

    def add(self, ledger: Ledger, oldest_minute: int) -> None:
        """Add the accounts of a committed batch; forget the minutes before `oldest_minute` that were told."""
        for key, account in ledger.items():
            self._ledger.setdefault(key, Account()).add(account)
            self._changed[key] = None
        for key in [key for key in self._ledger if key[0] < oldest_minute and key not in self._changed]:
            del self._ledger[key]

    def take_changed(self) -> dict[tuple[int, str], dict[str, int]]:
        """Give the sums that changed since the last call."""
        changed = {key: asdict(self._ledger[key]) for key in self._changed}
        self._changed.clear()
        return changed
