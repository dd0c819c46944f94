"""critic check: nothing is found in dumps that were restored, and each fault is told as it is."""
import os
import random
import shutil

import pytest

import checking
import criuimg
import critic
import dumps
from checking import Dump, findings

LARGE = [n for n in ("frag300k",) if dumps.large(n) and n not in dumps.NAMES]
PAGE = 4096


# --------------------------------------------------------------- good dumps

def directories(root):
    """Those with images in them."""
    return sorted(where for where, _, names in os.walk(root)
                  if any(n.endswith(".img") for n in names))


@pytest.mark.parametrize("name", dumps.NAMES)
def test_restored(name):
    for root in directories(dumps.pristine(name)):
        assert findings(root) == (0, []), root


@pytest.mark.parametrize("name", LARGE)
def test_large_restored(name, work):
    dumps.unpack(dumps.large(name), work)
    assert findings(os.path.join(work, name)) == (0, [])


# ------------------------------------------------------------- broken dumps

NO_FILE = ": error: there is no such file, which "

# name: (dump, how it is broken, what is said of it)
CASES = {}


def case(dump, *lines, sub=""):
    def add(action):
        name = action.__name__.strip("_")
        assert name not in CASES, name
        CASES[name] = dump, sub, action, list(lines)
        return action
    return add


def drops(dump, what, *lines, sub=""):
    """The loss of an image."""
    name = "drop_" + what.replace("-", "_").replace(".img", "") + "_of_" + dump
    CASES[name] = dump, sub, lambda d: d.drop(what), list(lines)


def sets(name, dump, image, entry, path, value, *lines, sub=""):
    """One field that is another."""
    assert name not in CASES, name
    CASES[name] = dump, sub, lambda d: d.set(image, entry, path, value), list(lines)


# images that are needed
drops("demo", "core-8176.img", "core-8176.img" + NO_FILE + "pstree.img/1.json needs")
drops("demo", "mm-8176.img", "mm-8176.img" + NO_FILE + "pstree.img/1.json needs")
drops("demo", "fs-8176.img", "fs-8176.img" + NO_FILE + "pstree.img/1.json needs")
drops("demo", "pagemap-8176.img", "pagemap-8176.img" + NO_FILE + "pstree.img/1.json needs",
      "pages-2.img: warning: nothing needs it: no page map has the pages_id 2")
drops("demo", "ids-8176.img", "ids-8176.img" + NO_FILE + "pstree.img/1.json needs",
      "fdinfo-3.img: warning: nothing needs it: no process has the files_id 3")
drops("demo", "fdinfo-3.img", "fdinfo-3.img" + NO_FILE + "ids-8176.img/0.json needs")
drops("demo", "files.img", "files.img" + NO_FILE + "fdinfo-2.img/0.json needs",
      "pipes-data.img/0.json: warning: no pipe has the pipe_id 2406334")
drops("demo", "pages-2.img", "pages-2.img" + NO_FILE + "pagemap-8176.img needs")
drops("demo", "inventory.img", "inventory.img" + NO_FILE + "pagemap-8173.img needs")
drops("demo", "pstree.img", "pstree.img" + NO_FILE + "core-8173.img needs")
drops("threads200", "core-23790.img", "core-23790.img" + NO_FILE + "pstree.img/0.json needs")
drops("container-ipc", "utsns-12.img", "utsns-12.img" + NO_FILE + "ids-1.img/0.json needs")
drops("container-ipc", "ipcns-var-11.img", "ipcns-var-11.img" + NO_FILE + "ids-1.img/0.json needs")
drops("container-ipc", "mountpoints-13.img",
      "mountpoints-13.img" + NO_FILE + "ids-1.img/0.json needs")
drops("container-ipc", "netns-10.img", "netns-10.img" + NO_FILE + "ids-1.img/0.json needs")
drops("container-ipc", "netdev-10.img", "netdev-10.img" + NO_FILE + "netns-10.img/0.json needs")
drops("zdtm-tr-fork2-uns", "userns-15.img", "userns-15.img" + NO_FILE + "ids-1.img/0.json needs")
drops("zdtm-tr-fork2-uns", "timens-13.img", "timens-13.img" + NO_FILE + "ids-1.img/0.json needs")
drops("container-ipc", "memfd.img", "memfd.img" + NO_FILE + "files.img/20.json needs")
drops("container-ipc", "tty-info.img", "tty-info.img" + NO_FILE + "files.img/42.json needs",
      "tty-data.img/0.json: warning: no entry of tty-info.img has the id 1",
      "tty-data.img/1.json: warning: no entry of tty-info.img has the id 0")
drops("container-ipc", "ghost-file-1.img",
      "ghost-file-1.img" + NO_FILE + "remap-fpath.img/0.json needs")
drops("container-ipc", "remap-fpath.img",
      "ghost-file-1.img: warning: nothing needs it: no entry of remap-fpath.img has the remap_id 1",
      "ghost-file-2.img: warning: nothing needs it: no entry of remap-fpath.img has the remap_id 2")
drops("container-ipc", "tcp-stream-24354d.img",
      "tcp-stream-24354d.img" + NO_FILE + "files.img/7.json needs")
drops("container-ipc", "pagemap-shmem-18075.img",
      "pagemap-shmem-18075.img" + NO_FILE + "memfd.img/1.json needs",
      "pages-4.img: warning: nothing needs it: no page map has the pages_id 4")
drops("container-ipc", "pagemap-shmem-4.img",
      "pagemap-shmem-4.img" + NO_FILE + "ipcns-shm-11.img/4.json needs",
      "pages-13.img: warning: nothing needs it: no page map has the pages_id 13")
drops("zdtm-seccomp_filter_inheritance", "seccomp.img",
      "seccomp.img" + NO_FILE + "core-67.img/0.json needs")
drops("legacy-container", "vmas-33.img", "vmas-33.img" + NO_FILE + "mm-33.img/0.json needs")
sets("no_creds", "demo", "core-8176.img", 0, "thread_core.creds", None,
     "creds-8176.img" + NO_FILE + "pstree.img/1.json needs")
drops("legacy-container", "sigacts-33.img", "sigacts-33.img" + NO_FILE + "pstree.img/2.json needs")
drops("legacy-container", "itimers-33.img", "itimers-33.img" + NO_FILE + "pstree.img/2.json needs")
drops("legacy-container", "rlimit-33.img", "rlimit-33.img" + NO_FILE + "pstree.img/2.json needs")

# processes
@case("demo", "pstree.img/6.json: error: another process has the pid 8176, too: entry 1")
def _pid_twice(d):
    d.add("pstree.img", 1)


sets("ppid_nowhere", "demo", "pstree.img", 2, "ppid", 99,
     "pstree.img/2.json: error: no process has its ppid, 99")
sets("two_roots", "demo", "pstree.img", 2, "ppid", 0,
     "pstree.img/2.json: error: it has no parent (ppid 0), as only the first may")
sets("own_parent", "demo", "pstree.img", 2, "ppid", 8177,
     "pstree.img/2.json: error: its parent 8177 descends from it")
sets("parent_behind", "demo", "pstree.img", 1, "ppid", 8181,
     "pstree.img/1.json: error: its parent 8181 comes behind it")
sets("thread_twice", "demo", "pstree.img", 1, "threads[0]", 8177,
     "pstree.img/2.json: error: the thread 8177 is one of process 8176, too",
     "pstree.img/1.json: warning: its first thread is not 8176, the process itself",
     "core-8176.img: warning: nothing needs it: no thread has the id 8176")
sets("no_tc", "demo", "core-8176.img", 0, "tc", None,
     "core-8176.img/0.json: error: it has no tc, which the image of a process has")
sets("no_thread_core", "threads200", "core-23790.img", 0, "thread_core", None,
     "core-23790.img/0.json: error: it has no thread_core")
sets("cg_set_of_task", "zdtm-cgroupns", "core-66.img", 0, "thread_core.cg_set", 77,
     "core-66.img/0.json: error: thread_core.cg_set: no set in cgroup.img has the id 77")
sets("seccomp_filter", "zdtm-seccomp_filter_inheritance", "core-67.img", 0,
     "thread_core.seccomp_filter", 7,
     "core-67.img/0.json: error: thread_core.seccomp_filter: seccomp.img has no filter 7, only 4")
sets("seccomp_prev_nowhere", "zdtm-seccomp_filter_inheritance", "seccomp.img", 0,
     "seccomp_filters[1].prev", 9,
     "seccomp.img/0.json: error: seccomp_filters[1].prev: there is no filter 9, only 4")
sets("seccomp_prev_ring", "zdtm-seccomp_filter_inheritance", "seccomp.img", 0,
     "seccomp_filters[1].prev", 1,
     "seccomp.img/0.json: error: seccomp_filters[1].prev: the filter 1 is not before it")
sets("timer_of_nobody", "zdtm-pthread_timers", "core-66.img", 0,
     "tc.timers.posix[0].notify_thread_id", 99,
     "core-66.img/0.json: error: tc.timers.posix[0].notify_thread_id: the process has no "
     "thread 99")
sets("files_id", "demo", "ids-8176.img", 0, "files_id", 99,
     "fdinfo-99.img" + NO_FILE + "ids-8176.img/0.json needs",
     "fdinfo-3.img: warning: nothing needs it: no process has the files_id 3")
sets("uts_ns_id", "demo", "ids-8176.img", 0, "uts_ns_id", 44,
     "utsns-44.img" + NO_FILE + "ids-8176.img/0.json needs")
sets("cwd", "demo", "fs-8176.img", 0, "cwd_id", 99,
     "fs-8176.img/0.json: error: cwd_id: no file of type REG has the id 99")
sets("root", "demo", "fs-8176.img", 0, "root_id", 9,
     "fs-8176.img/0.json: error: root_id: the file with the id 9 is of type PIPE, not REG")
sets("exe", "demo", "mm-8176.img", 0, "exe_file_id", 99,
     "mm-8176.img/0.json: error: exe_file_id: no file of type REG has the id 99")


@case("demo", "pstree.img/1.json: error: its parent 8177 descends from it")
def _parent_ring(d):
    d.set("pstree.img", 1, "ppid", 8177)
    d.set("pstree.img", 2, "ppid", 8176)


@case("threads200", "pstree.img/0.json: error: the thread 23790 is listed twice")
def _thread_listed_twice(d):
    d.edit("pstree.img", 0, lambda m: m.threads.append(23790))


@case("demo", *["%s-9999.img: warning: nothing needs it: no %s 9999" % w for w in (
    ("core", "thread has the id"), ("fs", "process has the pid"))])
def _images_of_nobody(d):
    d.copy("core-8176.img", "core-9999.img")
    d.copy("fs-8176.img", "fs-9999.img")


# open files
sets("fd_nowhere", "demo", "fdinfo-2.img", 3, "id", 99,
     "fdinfo-2.img/3.json: error: descriptor 5: no file of type REG has the id 99")
sets("fd_of_another_type", "demo", "fdinfo-2.img", 3, "id", 9,
     "fdinfo-2.img/3.json: error: descriptor 5: the file with the id 9 is of type PIPE, not REG")
sets("fd_twice", "demo", "fdinfo-2.img", 3, "fd", 0,
     "fdinfo-2.img/3.json: error: descriptor 0 is in the table twice, see entry 0")
sets("fd_of_new_type", "demo", "fdinfo-2.img", 3, "type", 77,
     "fdinfo-2.img/3.json: warning: descriptor 5: its type 77 is newer than this")
sets("file_without_what", "demo", "files.img", 6, "reg", None,
     "files.img/6.json: error: it is of type REG, but has nothing of one")
sets("file_with_another_id", "demo", "files.img", 6, "reg.id", 99,
     "files.img/6.json: error: its id is 7, but that of the REG in it is 99")


@case("demo", "files.img/27.json: warning: its type 77 is newer than this")
def _file_of_new_type(d):
    d.add("files.img", 5, ("type", 77))


sets("reg_mount", "container-ipc", "files.img", 30, "reg.mnt_id", 999,
     "files.img/30.json: error: reg.mnt_id: no mount has the mnt_id 999")
sets("unix_peer", "container-ipc", "files.img", 11, "usk.peer", 99,
     "files.img/11.json: error: usk.peer: no unix socket has the ino 99")
sets("epoll_target", "container-ipc", "files.img", 26, "epfd.tfd[1].tfd", 99,
     "files.img/26.json: error: epfd.tfd[1].tfd: fdinfo-5.img has no descriptor 99")
sets("ns_of_file", "container-ipc", "files.img", 38, "nsf.ns_id", 99,
     "files.img/38.json: error: ns_id: no namespace has the id 99")
sets("ns_of_socket", "container-ipc", "files.img", 7, "isk.ns_id", 99,
     "files.img/7.json: error: ns_id: no namespace has the id 99")
sets("fifo_path", "container-ipc", "files.img", 35, "fifo.regf_id", 99,
     "files.img/35.json: error: fifo.regf_id: no file of type REG has the id 99")
sets("tty_path", "container-ipc", "files.img", 42, "tty.regf_id", 99,
     "files.img/42.json: error: tty.regf_id: no file of type REG has the id 99")
sets("tty_info", "container-ipc", "files.img", 42, "tty.tty_info_id", 99,
     "files.img/42.json: error: tty.tty_info_id: no entry of tty-info.img has the id 99")
sets("memfd_inode", "container-ipc", "files.img", 22, "memfd.inode_id", 99,
     "files.img/22.json: error: memfd.inode_id: no entry of memfd.img has the inode_id 99")
sets("fanotify_mount", "zdtm-fanotify00-ns", "files.img", 11, "ffy.mark[1].me.mnt_id", 99,
     "files.img/11.json: error: me.mnt_id: no mount has the mnt_id 99")
sets("pidfd", "zdtm-pidfd_self", "files.img", 7, "pidfd.nspid", 99,
     "files.img/7.json: error: pidfd.nspid: no process has the pid 99")
sets("pipe_data", "demo", "pipes-data.img", 0, "pipe_id", 99,
     "pipes-data.img/0.json: warning: no pipe has the pipe_id 99")
sets("fifo_data", "container-ipc", "fifo-data.img", 0, "pipe_id", 99,
     "fifo-data.img/0.json: warning: no FIFO has the pipe_id 99")
sets("packet_for_nobody", "container-ipc", "sk-queues.img", 1, "id_for", 99,
     "sk-queues.img/1.json: warning: id_for: no socket has the id 99")
sets("file_in_packet", "zdtm-scm03-seqpacket", "sk-queues.img", 0, "scm[0].rights[1]", 99,
     "sk-queues.img/0.json: error: scm[0].rights[1]: no file has the id 99")
sets("remap_of_nothing", "container-ipc", "remap-fpath.img", 0, "orig_id", 99,
     "remap-fpath.img/0.json: error: orig_id: no file of type REG has the id 99")
sets("remap_to_nothing", "container-ipc", "remap-fpath.img", 0, "remap_id", 0xab,
     "ghost-file-ab.img" + NO_FILE + "remap-fpath.img/0.json needs",
     "ghost-file-1.img: warning: nothing needs it: no entry of remap-fpath.img has the remap_id 1")
sets("tty_data", "container-ipc", "tty-data.img", 0, "tty_id", 99,
     "tty-data.img/0.json: warning: no entry of tty-info.img has the id 99")
sets("lock_of_nobody", "container-ipc", "filelocks.img", 0, "pid", 99,
     "filelocks.img/0.json: warning: no process has the pid 99")
sets("lock_without_fd", "container-ipc", "filelocks.img", 1, "fd", 99,
     "filelocks.img/1.json: error: fdinfo-5.img of process 34 has no descriptor 99")
sets("map_data", "zdtm-bpf_hash", "bpfmap-data.img", 0, "map_id", 99,
     "bpfmap-data.img/0.json: warning: no map has the map_id 99")
sets("old_epoll", "legacy-container", "eventpoll-tfd.img", 0, "id", 99,
     "eventpoll-tfd.img/0.json: error: id: no file of type EVENTPOLL has the id 99")
sets("old_epoll_target", "legacy-container", "eventpoll-tfd.img", 0, "tfd", 99,
     "eventpoll-tfd.img/0.json: error: tfd: fdinfo-5.img has no descriptor 99")
sets("old_inotify", "split-inotify04", "inotify-wd.img", 0, "id", 99,
     "inotify-wd.img/0.json: error: id: no file of type INOTIFY has the id 99")
sets("old_fanotify", "split-fanotify00", "fanotify-mark.img", 0, "id", 99,
     "fanotify-mark.img/0.json: error: id: no file of type FANOTIFY has the id 99")
sets("old_unix_peer", "legacy-container", "unixsk.img", 1, "peer", 99,
     "unixsk.img/1.json: error: usk.peer: no unix socket has the ino 99")


@case("demo", "files.img/27.json: error: another file of its type has the id 7, too: entry 6")
def _file_id_twice(d):
    d.add("files.img", 6)


@case("container-ipc", "memfd.img/2.json: error: another file has the inode_id 2, too")
def _memfd_twice(d):
    d.add("memfd.img", 1)


@case("container-ipc", "tty-info.img/2.json: error: another terminal has the id 0, too")
def _terminal_twice(d):
    d.add("tty-info.img", 1)


# namespaces
sets("mount_parent", "container-ipc", "mountpoints-13.img", 3, "parent_mnt_id", 99,
     "mountpoints-13.img/3.json: error: no mount has its parent_mnt_id, 99")
sets("mount_master", "container-ipc", "mountpoints-13.img", 3, "master_id", 99,
     "mountpoints-13.img/3.json: warning: master_id: no mount has the shared_id 99")
sets("mount_ring", "container-ipc", "mountpoints-13.img", 2, "parent_mnt_id", 71,
     "mountpoints-13.img/0.json: error: its parent_mnt_id 69 is a mount below it")
sets("no_root_mount", "container-ipc", "mountpoints-13.img", 5, "mountpoint", b"/mnt",
     "mountpoints-13.img/5.json: error: no mount has its parent_mnt_id, 43",
     "mountpoints-13.img: error: no mount is the root, /")
sets("other_netns", "zdtm-netns_sub_veth-ns", "netns-15.img", 0, "nsids[0].target_ns_id", 99,
     "netns-15.img/0.json: error: nsids[0]: no namespace has the id 99")


@case("container-ipc", "mountpoints-13.img/6.json: error: another mount has the mnt_id 71, too")
def _mount_twice(d):
    d.add("mountpoints-13.img", 0)


@case("zdtm-cgroupns", "cgroup.img/0.json: error: sets[1]: another set has the id 2, too")
def _cgroup_set_twice(d):
    d.edit("cgroup.img", 0, lambda m: m.sets.add().CopyFrom(m.sets[0]))


# mappings
sets("vma_file", "demo", "mm-8176.img", 0, "vmas[0].shmid", 99,
     "mm-8176.img/0.json: error: the mapping at 0x55afa26fa000, shmid: no file of type REG has "
     "the id 99")
sets("vma_file_beyond_ids", "demo", "mm-8176.img", 0, "vmas[0].shmid", 1 << 40,
     "mm-8176.img/0.json: error: the mapping at 0x55afa26fa000, shmid: no file of type REG has "
     "the id 1099511627776")
sets("vma_over_another", "demo", "mm-8176.img", 0, "vmas[1].start", 0x55afa26fa000,
     "mm-8176.img/0.json: error: the mapping at 0x55afa26fa000: it begins before the one "
     "before it ends, at 0x55afa26fc000")
sets("vma_backwards", "demo", "mm-8176.img", 0, "vmas[0].end", 0x55afa26f9000,
     "mm-8176.img/0.json: error: the mapping at 0x55afa26fa000: it ends at 0x55afa26f9000, not "
     "behind its start")
sets("vma_unaligned", "demo", "mm-8176.img", 0, "vmas[0].end", 0x55afa26fb001,
     "mm-8176.img/0.json: error: the mapping at 0x55afa26fa000: it is not of whole pages, up to "
     "0x55afa26fb001")
sets("vma_segment", "container-ipc", "mm-35.img", 0, "vmas[0].status", 1 << 10 | 1 << 8 | 1,
     "mm-35.img/0.json: error: the mapping at 0x400000, shmid: no segment in ipcns-shm-*.img has "
     "the id 48")
sets("vma_shared", "demo", "mm-8176.img", 0, "vmas[0].status", 1 << 8 | 1,
     "pagemap-shmem-13.img" + NO_FILE + "mm-8176.img/0.json needs")
sets("vma_socket", "demo", "mm-8176.img", 0, "vmas[0].status", 1 << 11 | 1,
     "mm-8176.img/0.json: error: the mapping at 0x55afa26fa000, shmid: the file with the id 13 "
     "is of type REG, not PACKETSK")
sets("vma_memfd", "demo", "mm-8176.img", 0, "vmas[0].status", 1 << 14 | 1 << 7 | 1,
     "mm-8176.img/0.json: error: the mapping at 0x55afa26fa000, shmid: the file with the id 13 "
     "is of type REG, not MEMFD")
sets("arguments", "demo", "mm-8176.img", 0, "mm_arg_start", 1,
     "mm-8176.img/0.json: warning: mm_arg_start: nothing is mapped from 0x1 to 0x7ffd63994f9b")
sets("environment", "demo", "mm-8176.img", 0, "mm_env_end", 1,
     "mm-8176.img/0.json: warning: mm_env_end: 0x1 is before mm_env_start, 0x7ffd63994f9b")
sets("old_vma_file", "legacy-container", "vmas-33.img", 0, "shmid", 99,
     "vmas-33.img/0.json: error: the mapping at 0x400000, shmid: no file of type REG has the "
     "id 99")

# page maps of demo's 8176: 0x55afa26fc000 1, 0x55afa2703000 2, 0x55afc520d000 1, …
sets("run_inside", "demo", "pagemap-8176.img", 3, "vaddr", 0x55afa2704000,
     "pagemap-8176.img/3.json: error: it begins at 0x55afa2704000, inside the entry before it, "
     "which ends at 0x55afa2705000")
sets("run_before", "demo", "pagemap-8176.img", 3, "vaddr", 0x55afa26fd000,
     "pagemap-8176.img/3.json: error: it begins at 0x55afa26fd000, before the entry before it, "
     "at 0x55afa2703000")
sets("run_unaligned", "demo", "pagemap-8176.img", 3, "vaddr", 0x55afc520d001,
     "pagemap-8176.img/3.json: error: it begins at 0x55afc520d001, which is no start of a page")
sets("run_of_nothing", "demo", "pagemap-8176.img", 3, "nr_pages", 0,
     "pagemap-8176.img/3.json: error: it has no pages",
     "pages-2.img: error: it has 110592 bytes, but the 26 pages in pagemap-8176.img take 106496")
sets("run_too_long", "demo", "pagemap-8176.img", 12, "nr_pages", 1 << 60,
     "pagemap-8176.img/12.json: error: 1152921504606846976 pages from 0x7ffd63992000 on are "
     "more than there are")
sets("run_unmapped", "demo", "pagemap-8176.img", 1, "vaddr", 0x1000,
     "pagemap-8176.img/1.json: error: its pages from 0x1000 on are in no mapping")
sets("run_of_new_flags", "demo", "pagemap-8176.img", 3, "flags", 8 | 6,
     "pagemap-8176.img/3.json: warning: its flags 0x8 are newer than this")
sets("run_in_no_parent", "demo", "pagemap-8176.img", 3, "flags", 1,
     "parent" + NO_FILE + "pagemap-8176.img/3.json needs",
     "pages-2.img: error: it has 110592 bytes, but the 26 pages in pagemap-8176.img take 106496")
sets("pages_id_twice", "demo", "pagemap-8178.img", 0, "pages_id", 2,
     "pagemap-8178.img: error: another page map has the pages_id 2, too",
     "pages-4.img: warning: nothing needs it: no page map has the pages_id 4")
sets("run_lazy", "demo", "pagemap-8176.img", 3, "flags", 2,
     "pages-2.img: error: it has 110592 bytes, but the 26 pages in pagemap-8176.img take 106496")


@case("demo", "pages-2.img: error: it has 106496 bytes, but the 27 pages in pagemap-8176.img "
      "take 110592")
def _pages_short(d):
    d.resize("pages-2.img", -PAGE)


@case("demo", "pages-2.img: error: it has 110593 bytes, but the 27 pages in pagemap-8176.img "
      "take 110592")
def _pages_long(d):
    d.resize("pages-2.img", 1)


@case("demo", "pages-99.img: warning: nothing needs it: no page map has the pages_id 99")
def _pages_of_nobody(d):
    d.put("pages-99.img", b"")


@case("demo", "pagemap-8176.img: error: it has no entries, not even its head",
      "pages-2.img: warning: nothing needs it: no page map has the pages_id 2")
def _page_map_empty(d):
    d.remove("pagemap-8176.img", *range(13))


@case("incremental", "pagemap-8057.img/2.json: error: its pages from 0x10000001000 on should be in "
      "the parent, which has none", sub="3")
def _parent_without_the_run(d):
    d.remove("../2/pagemap-8057.img", 2)


@case("incremental", "pagemap-8057.img/2.json: error: its pages from 0x10000002000 on should be in "
      "the parent, which has none", sub="3")
def _parent_without_some_pages(d):
    d.set("../2/pagemap-8057.img", 2, "nr_pages", 1)


@case("incremental", "parent/pagemap-8057.img/128.json: error: its pages from 0x100000fd000 on "
      "should be in the parent, which has none", sub="3")
def _grandparent_without_the_page(d):
    d.set("../1/pagemap-8057.img", 1, "nr_pages", 253)
    d.resize("../1/pages-1.img", -3 * PAGE)


@case("incremental", "parent: error: parent -> ../4, 1 up: can't open the parent dump: No such "
      "file or directory", sub="3")
def _parent_leads_nowhere(d):
    d.drop("parent")
    os.symlink("../4", d.path("parent"))


@case("incremental", "parent: error: parent -> ../3, 3 up: leads back to a dump that builds on it: "
      "Too many levels of symbolic links", sub="3")
def _parent_leads_back(d):
    os.symlink("../3", d.path("../1/parent"))


@case("incremental", "parent: error: parent -> ../more62, 65 up: too many parents: Too many "
      "levels of symbolic links", sub="3")
def _too_many_parents(d):
    last = d.path("../1")
    for i in range(70):
        new = d.path("../more%d" % i)
        shutil.copytree(d.path("../1"), new, ignore=shutil.ignore_patterns("parent"))
        os.symlink("../more%d" % i, last + "/parent")
        last = new


@case("incremental", "parent" + NO_FILE + "pagemap-8057.img/2.json needs", sub="3")
def _parent_is_gone(d):
    d.drop("parent")


@case("incremental", "parent/parent" + NO_FILE + "parent/pagemap-8057.img/2.json needs", sub="3")
def _grandparent_is_gone(d):
    d.drop("../2/parent")


@case("incremental", "parent/pagemap-8057.img" + NO_FILE + "pagemap-8057.img/2.json needs", sub="3")
def _parent_without_the_page_map(d):
    d.drop("../2/pagemap-8057.img")


@case("incremental", "parent/pages-1.img: error: it has 372736 bytes, but the 92 pages in "
      "pagemap-8057.img take 376832", sub="3")
def _pages_of_the_parent_short(d):
    d.resize("../2/pages-1.img", -PAGE)


# images by themselves
@case("demo", "core-8176.img: error: it should be an image of type CORE: no image: it has 0 "
      "bytes only")
def _empty(d):
    d.put("core-8176.img", b"")


@case("demo", "core-8176.img: error: it should be an image of type CORE: Unknown magic "
      "0x44434241 (raw data, or newer than this)")
def _no_magic(d):
    d.replace("core-8176.img", 4, b"ABCD")


@case("demo", "fs-8176.img: error: it is an image of type IDS, but its name is one of type FS")
def _another_type(d):
    d.copy("ids-8176.img", "fs-8176.img")


@case("demo", "fs.img: warning: it is an image of type FS, which is not called so")
def _another_name(d):
    d.copy("fs-8176.img", "fs.img")


@case("demo", "new.img: warning: Unknown magic 0x44434241 (raw data, or newer than this)")
def _new_image(d):
    d.put("new.img", b"ABCDEFGH")


@case("demo", "fs-8176.img: error: its header is of v1.0, but the inventory is of v1.1")
def _old_header(d):
    d.header("fs-8176.img", "v1.0")


@case("legacy-v1-python3-r", "fs-26593.img: error: its header is of v1.1, but the inventory is "
      "of v1.0")
def _new_header(d):
    d.header("fs-26593.img", "common")


@case("demo", "fs-8176.img: error: its header begins with 0x55105940, but those of FS with "
      "0x54564319")
def _service_header(d):
    d.header("fs-8176.img", "service")


sets("new_version", "demo", "inventory.img", 0, "img_version", 9,
     "inventory.img/0.json: warning: img_version 9 is newer than this")


@case("demo", "fs-8176.img: error: it has no entry, but images of type FS have one")
def _no_entry(d):
    d.remove("fs-8176.img", 0)


@case("demo", "fs-8176.img: warning: it has 2 entries, but only the first counts")
def _two_entries(d):
    d.add("fs-8176.img", 0)


@case("demo", "files.img/6.raw: error: it does not decode as file_entry, at offset 513")
def _entry_spoilt(d):
    d.spoil("files.img", 6)


@case("demo", "files.img: error: damaged from offset 1415 on: entry 26 is said to have 31 "
      "bytes, but only 30 follow")
def _entry_cut(d):
    d.resize("files.img", -1)


@case("demo", "files.img: error: damaged from offset 1450 on: 3 bytes that are no entry")
def _bytes_behind(d):
    d.append("files.img", b"abc")


@case("demo", "pipes-data.img: error: damaged from offset 8 on: entry 0 is no pipe_data_entry, "
      "or less follows it than it says")
def _payload_short(d):
    d.resize("pipes-data.img", -1)


@case("container-ipc", "ipcns-msg-11.img/1.msgs/1.raw: error: it does not decode as ipc_msg, at "
      "offset 88")
def _message_spoilt(d):
    image = d.image("ipcns-msg-11.img")
    _, text = image.entries[1].extra[1]
    image.entries[1].extra[1] = b"\x10" + bytes([len(text)]), text  # msize, but no mtype
    d.save("ipcns-msg-11.img", image)


@case("demo", "fs-8176.img: warning: it is a symlink, which is not followed")
def _symlink(d):
    d.rename("fs-8176.img", "elsewhere")
    os.symlink("elsewhere", d.path("fs-8176.img"))


@case("demo", "fs-8176.img: error: it is no regular file")
def _directory(d):
    d.drop("fs-8176.img")
    os.mkdir(d.path("fs-8176.img"))


@pytest.mark.parametrize("name", CASES)
def test_broken(name, work):
    dump, sub, action, lines = CASES[name]
    broken = Dump(dump, work, sub)
    action(broken)
    status, found = findings(broken.root)
    assert found == lines
    assert status == any(": error: " in l for l in lines)


# ---------------------------------------------------- page sizes, old layouts

def pre_dump(work, runs, size):
    """A dump of one page map and its pages, as a pre-dump is."""
    image = criuimg.load(os.path.join(dumps.pristine("incremental"), "1/inventory.img"))
    dumps.write(work, "inventory.img", image)
    dumps.write(work, "pagemap-7.img", checking.page_map(runs, 1))
    with open(os.path.join(work, "pages-1.img"), "wb") as f:
        f.truncate(size)
    return work


@pytest.mark.parametrize("page", [4096, 16384, 65536])
def test_page_size(work, page):
    """It follows from the pages file: what touches with one size is apart with another."""
    runs = [(0x100000, 2, 4), (0x100000 + 2 * page, 3, 6), (0x200000, 1, 2), (0x300000, 1, 4)]
    assert findings(pre_dump(work, runs, 6 * page)) == (0, [])
    runs[1] = (0x100000 + page, 3, 6)
    assert findings(pre_dump(work, runs, 6 * page)) == (1, [
        "pagemap-7.img/2.json: error: it begins at 0x%x, inside the entry before it, which ends "
        "at 0x%x" % (0x100000 + page, 0x100000 + 2 * page)])


def test_old_page_map(work):
    """Lengths in compat_nr_pages, no flags, in_parent."""
    pre_dump(work, [(0x1000, 2, 4), (0x4000, 1, 4)], 2 * PAGE)
    image = criuimg.load(work + "/pagemap-7.img")
    for entry in image.entries[1:]:
        msg = entry.decode()
        msg.compat_nr_pages = msg.nr_pages
        msg.ClearField("nr_pages")
        msg.ClearField("flags")
        if msg.vaddr == 0x4000:
            msg.in_parent = True
        entry.payload = msg.SerializeToString()
    dumps.write(work, "pagemap-7.img", image)
    assert findings(work) == (1, ["parent" + NO_FILE + "pagemap-7.img/2.json needs"])
    os.mkdir(work + "/old")
    pre_dump(work + "/old", [(0, 5, 4)], 5 * PAGE)
    os.symlink("old", work + "/parent")
    assert findings(work) == (0, [])


def test_old_remap(work):
    """Before there were types of remaps, a bit of remap_id meant a ghost file."""
    d = Dump("container-ipc", work)
    d.set("remap-fpath.img", 0, "remap_type", None)
    d.set("remap-fpath.img", 0, "remap_id", 1 | 1 << 31)
    assert findings(d.root) == (0, [])
    d.drop("ghost-file-1.img")
    assert findings(d.root) == (1, ["ghost-file-1.img" + NO_FILE + "remap-fpath.img/0.json needs"])


def test_old_descriptor_tables(work):
    """Once they were named by process, which the inventory does not say then."""
    d = Dump("demo", work)
    d.set("inventory.img", 0, "fdinfo_per_id", None)
    pids = [e.decode().pid for e in d.image("pstree.img").entries]
    for files_id, pid in enumerate(pids, 2):
        d.rename("fdinfo-%d.img" % files_id, "fdinfo-%d.img" % pid)
    assert findings(d.root) == (0, [])


def test_single_images(work):
    """Some images beside each other are no dump; nothing is asked of them."""
    for name in ("cpuinfo.img", "fs-7.img", "tcp-stream-1f.img"):
        dump = {"cpuinfo.img": "cpuinfo", "fs-7.img": "demo"}.get(name, "container-ipc")
        like = {"fs-7.img": "fs-8176.img", "tcp-stream-1f.img": "tcp-stream-24354d.img"}.get(name, name)
        shutil.copy(os.path.join(dumps.pristine(dump), like), os.path.join(work, name))
    assert findings(work) == (1, ["files.img" + NO_FILE + "fs-7.img/0.json needs"])
    os.unlink(work + "/fs-7.img")
    assert findings(work) == (0, [])


# -------------------------------------------------------------- many, hostile

def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def test_many_messages(work):
    """Messages count for the image they are in, however many entries have them."""
    d = Dump("container-ipc", work)
    image = d.image("ipcns-msg-11.img")
    spoilt = image.entries[1]
    _, text = spoilt.extra[1]
    spoilt.extra[1] = b"\x10" + bytes([len(text)]), text  # msize, but no mtype
    image.entries.extend([spoilt] * 149)
    d.save("ipcns-msg-11.img", image)
    status, found = findings(d.root)
    assert (status, len(found)) == (1, 101)
    assert found[0].startswith("ipcns-msg-11.img/1.msgs/1.raw: error: ")
    assert found[100] == "ipcns-msg-11.img: error: … and 50 more"


def frame(body):
    return len(body).to_bytes(4, "little") + body


def test_large_page_map_that_falls(work):
    """A million runs in falling order: a hundred are told, the others counted."""
    n = 1000000
    runs = (frame(b"\x08" + varint(i * 2 * PAGE) + b"\x10\0\x20\2\x28\1") for i in range(n, 0, -1))
    pre_dump(work, [], 0)
    with open(work + "/pagemap-7.img", "ab") as f:
        f.write(b"".join(runs))
    status, found = findings(work)
    assert status == 1 and len(found) == 101
    assert found[0] == ("pagemap-7.img/2.json: error: it begins at 0x%x, before the entry before it, "
                        "at 0x%x" % ((n - 1) * 2 * PAGE, n * 2 * PAGE))
    assert found[-1] == "pagemap-7.img: error: … and %d more" % (n - 1 - 100)


def test_large_files_of_one_id(work):
    n = 100000
    d = Dump("demo", work)
    data = d.get("files.img")
    last = criuimg.write_entry(d.image("files.img"), d.image("files.img").entries[-1])
    d.put("files.img", data + last * n)
    status, found = findings(d.root)
    assert status == 1 and len(found) == 101
    assert found[0] == "files.img/27.json: error: another file of its type has the id 27, too: entry 26"
    assert found[-1] == "files.img: error: … and %d more" % (n - 100)


def test_large_tree(work):
    """Parents that all come behind their children, and at last a ring."""
    n = 50000
    d = Dump("demo", work)
    process = lambda pid, ppid: frame(b"\x08" + varint(pid) + b"\x10" + varint(ppid) + b"\x18\1\x20\1")
    for last in (0, 1):
        d.put("pstree.img", d.get("pstree.img")[:8] + b"".join(
            process(i, i + 1 if i < n else last) for i in range(1, n + 1)))
        status, found = findings(d.root)
        assert status == 1 and len(found) < 300
        told = [l for l in found if "comes behind" in l or "descends" in l]
        assert len(told) == (1 if last else 100)
        assert told[0] == "pstree.img/0.json: error: its parent 2 " + (
            "descends from it" if last else "comes behind it")


def test_missing_of_one_image_are_counted(work):
    """A million of threads without images are not a million of lines."""
    d = Dump("demo", work)
    d.edit("pstree.img", 0, lambda m: m.threads.extend(range(10000, 30000)))
    status, found = findings(d.root)
    assert status == 1 and len(found) == 101
    assert found[0] == "core-10000.img" + NO_FILE + "pstree.img/0.json needs"
    assert found[-1] == "pstree.img: error: … and 19900 more"


def test_large_polls_of_one_table(work):
    """Each of many epoll files is looked at once, whoever has it."""
    d = Dump("container-ipc", work)
    image = d.image("files.img")
    epoll = image.entries[26].decode()
    epoll.epfd.tfd.extend([epoll.epfd.tfd[0]] * 20000)
    image.entries[26].payload = epoll.SerializeToString()
    d.save("files.img", image)
    table = d.image("fdinfo-5.img")
    like = next(e for e in table.entries if e.decode().id == 27)
    for fd in range(1000, 21000):
        msg = like.decode()
        msg.fd = fd
        table.entries.append(criuimg.Entry(like.message, msg.SerializeToString()))
    d.save("fdinfo-5.img", table)
    assert findings(d.root) == (0, [])


def test_names_are_made_harmless(work):
    """Names of files and texts of dumps say nothing to a terminal."""
    d = Dump("demo", work)
    d.put("a\x1b[31m\nb.img", b"ABCDEFGH")
    assert findings(d.root) == (0, ["a\\x1b[31m\\x0ab.img: warning: Unknown magic 0x44434241 "
                                    "(raw data, or newer than this)"])


@pytest.mark.parametrize("name", ["container-ipc", "legacy-container", "incremental", "zdtm-cgroupns"])
def test_random_damage(name, work):
    """Whatever bytes are in it: it ends, with findings or without."""
    rnd = random.Random(name)
    d = Dump(name, work, "3" if name == "incremental" else "")
    images = sorted(n for n in os.listdir(d.root)
                    if n.endswith(".img") and not n.startswith(criuimg.RAW_PREFIXES))
    pristine = {n: d.get(n) for n in images}
    for _ in range(60):
        hit = rnd.sample(images, 5)
        for image in hit:
            data = bytearray(pristine[image])
            for _ in range(rnd.randrange(1, 6)):
                data[rnd.randrange(8, len(data)) if len(data) > 8 else 0] = rnd.randrange(256)
            d.put(image, bytes(data[:rnd.choice([len(data), rnd.randrange(len(data) + 1)])]))
        status, found = findings(d.root)
        assert status == any(": error: " in l for l in found)
        for image in hit:
            d.put(image, pristine[image])
    assert findings(d.root) == (0, [])


# ------------------------------------------------------------------ the command

def test_command(work):
    root = Dump("demo", work).root
    os.unlink(root + "/fs-8176.img")
    line = "/fs-8176.img" + NO_FILE + "pstree.img/1.json needs\n"
    for given, shown in ((root, root), (root + "//", root), (".", ".")):
        done = critic.run("check", given, cwd=root)
        assert (done.status, done.out.decode(), done.err) == (1, shown + line, "")
    for args in (["check"], ["check", root, root], ["check", root, "--pretty"]):
        done = critic.run(*args)
        assert (done.status, done.out) == (2, b"") and "usage:" in done.err
    assert critic.run("check", work + "/nowhere").error() == \
        "critic: %s/nowhere: error: can't check it: No such file or directory" % work
    assert critic.run("check", root + "/mm-8176.img").error().endswith(": Not a directory")
    with open("/dev/full", "w") as full:
        done = critic.run("check", root, stdout=full)
    assert done.status == 1 and "No space left" in done.err


def test_nothing_is_written(work):
    d = Dump("container-ipc", work)
    stat = lambda: {n: os.stat(d.path(n)) for n in os.listdir(d.root)}
    state = lambda: {n: (st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns) for n, st in stat().items()}
    before = state()
    assert findings(d.root) == (0, [])
    assert state() == before
