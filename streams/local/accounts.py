"""The converter's part of the ledger as the sink has it, and which accounts are not released to the topic yet."""

from dataclasses import asdict

from streams.sink import Ledger
from topics.accounts import Account
from topics.accounts import Accounts as LedgerAccounts


class Accounts:
    """The accounts of recent minutes. At first all count as changed, because the last run may have ended between commit and release."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changed = dict.fromkeys(ledger)

    def add(self, ledger: Ledger, oldest_minute: int) -> None:
        """Add the accounts of a committed batch; drop released minutes before `oldest_minute`."""
        for key, account in ledger.items():
            self._ledger.setdefault(key, Account()).add(account)
            self._changed[key] = None
        for key in [key for key in self._ledger if key[0] < oldest_minute and key not in self._changed]:
            del self._ledger[key]

    def take_changed(self) -> LedgerAccounts:
        """Return the accounts that changed since the last call."""
        changed = {key: asdict(self._ledger[key]) for key in self._changed}
        self._changed.clear()
        return changed
