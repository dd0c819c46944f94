"""Where upstream's crit is wrong and critfs is not, on the recorded documents.

The complete list: whatever else differs from a recorded document is a fault
of critfs. Each function puts one document right and says how often it had to.
"""


def task_state(magic, entries):
    """crit swaps the names of 3 and 6; critfs shows the numbers."""
    wrong = [e["tc"] for e in entries if e.get("tc", {}).get("task_state") in ("Zombie", "Stopped")]
    for tc in wrong:
        tc["task_state"] = {"Zombie": 3, "Stopped": 6}[tc["task_state"]]
    return len(wrong)


def shm_without_contents(magic, entries):
    """crit shows an empty extra where the contents are in the page maps."""
    wrong = [e for e in entries if magic == "IPCNS_SHM" and e.get("in_pagemaps")]
    for entry in wrong:
        assert entry.pop("extra") == ""
    return len(wrong)


def ghost_without_contents(magic, entries):
    """crit shows an empty extra for ghosts that are no regular files."""
    wrong = [e for e in entries if magic == "GHOST_FILE" and e.get("extra") == ""
             and e["mode"] & 0o170000 != 0o100000]
    for entry in wrong:
        del entry["extra"]
    return len(wrong)


ALL = {f.__name__: f for f in (task_state, shm_without_contents, ghost_without_contents)}

# Documents that are no use: crit took entries for the contents of an entry
# whose contents are in the page maps, so it shows one entry instead of five.
WRONG = {("container-ipc", "ipcns-shm-11.img")}


def correct(name, rel, doc):
    """The document as critfs should have it, or None. Returns (doc, {deviation: times})."""
    if doc is None or (name, rel) in WRONG:
        return None, {}
    return doc, {key: fix(doc["magic"], doc["entries"]) for key, fix in ALL.items()}
