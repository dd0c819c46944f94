"""What is typed into editors, and what they answer."""


class Keys:
    """What a kind of editor is told, and what it answers."""

    args = ()           # that all need
    rc = rc_begins = ""  # its file of settings, and how that begins
    many = None         # options that open several files, or None: it has one buffer
    shows_first = True  # of several
    dismiss = ""        # what lets it go on after an error
    troubled = 0        # its exit status if there was one

    def __init__(self, program, **more):
        self.program = program
        vars(self).update(more)


# The check of the file's time is what a window that gets the focus does.
VIM = Keys("vim", rc=".vimrc", rc_begins="source $VIMRUNTIME/defaults.vim\n", ready='"pos"',
           replace=":checktime\r:%%s/%s/%s/\r", save=":w\r", quit=":qa\r", many=["-o"],
           other=":drop FILE\r", refused="E667: Fsync failed|E512: Close failed", dismiss="\r",
           warning=r"W1[0-9]: |WARNING: The file has been changed|since (editing|reading)")
NANO = Keys("nano", args=["-I"], ready='"pos"', replace="\x1c%s\r%s\ra", save="\x0f\r",
            quit="\x18\x18", many=[], other="\x1b>", refused="Error writing 3.json: Bad message",
            warning="has changed|was modified since|being edited by")
EMACS = Keys("emacs", args=["-nw", "-Q"], ready='"pos"', replace="\x1b<\x1b%%%s\r%s\r!", save="\x18\x13",
             quit="\x18\x03", many=[], shows_first=False, other="\x18\x06FILE\r", refused="Bad message",
             warning="changed on disk|has changed since visited|locked by|really edit|changed since")
# Where its rename fails, it takes its temporary file's time for the file's: on any file system.
PRECIOUS = Keys(**vars(EMACS) | {"dismiss": "\x1b:(set-visited-file-modtime)\r"})
# No memory of the file: it never warns.
ED = Keys("ed", args=["-p*"], ready=r"^\d+\n\*", replace=",s/%s/%s/\r", save="w\r", quit="q\r",
          other="e FILE\r", refused="3.json: Bad message", troubled=1, warning="changed|modified")
