"""Steps through a program in gdb, and writes the stack before every instruction: what it is unwound from, and how gdb unwinds it.

See the script `step`. In OUT: mapsN.txt, as /proc/PID/maps was; vdso; memory, pieces of stacks; and steps.txt, lines of

    S N REGISTERS | ADDRESS:LENGTH:OFFSET...   a stack: the maps, all registers, pieces of memory
    F NAME=VALUE ...                           a frame of it as gdb has it, innermost first
    X                                          its end
"""

import os

import gdb

OUT = os.environ["OUT"]
FROM = os.environ.get("FROM", "main")
MOST = int(os.environ.get("MOST", "10000"))
SEEN = int(os.environ.get("SEEN", "1"))
FRAMES = 300
RED_ZONE = 2048  # and what was popped, which rows may still speak of
STACK = 1 << 16
ALL = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"] + ["r%d" % i for i in range(8, 16)] + ["rip"]
SHOWN = ["rip", "rsp", "rbp", "rbx", "r12", "r13", "r14", "r15"]
PASSED = "SIGUSR1 SIGUSR2 SIGALRM SIGSEGV SIGILL SIGFPE SIGBUS SIGABRT SIGCHLD SIGPROF"


class Recorder:
    def __init__(self):
        self.steps = open(OUT + "/steps.txt", "w")
        self.memory = open(OUT + "/memory", "wb")
        self.maps = {}
        self.stacks = {}  # mappings that a stack pointer was in: where it was last

    def mappings(self, pid):
        with open("/proc/%d/maps" % pid) as file:
            text = file.read()
        if text not in self.maps:
            with open("%s/maps%d.txt" % (OUT, len(self.maps)), "w") as copy:
                copy.write(text)
            lines = [line.split(None, 5) for line in text.splitlines()]
            ranges = [[int(end, 16) for end in line[0].split("-")] + [line[1], line[-1]] for line in lines]
            self.maps[text] = (len(self.maps), ranges)
            for start, end, _, name in ranges:
                if name == "[vdso]":
                    with open("/proc/%d/mem" % pid, "rb") as source, open(OUT + "/vdso", "wb") as copy:
                        source.seek(start)
                        copy.write(source.read(end - start))
        return self.maps[text]

    def pieces(self, pid, ranges, sp, rdi):
        """The stack, other stacks that were used before, code made at run time, and what RDI points to: longjmp's rows count from there."""
        pieces = []
        for start, end, _, _ in ranges:
            if start <= sp < end:
                self.stacks[start] = sp
        with open("/proc/%d/mem" % pid, "rb", 0) as source:
            for start, end, permissions, _ in ranges:
                used = self.stacks.get(start)
                if used is not None:
                    pieces.append(self.keep(source, max(start, used - RED_ZONE), min(end, used + STACK)))
                elif start <= rdi < end and permissions.startswith("r"):
                    pieces.append(self.keep(source, rdi, min(end, rdi + 256)))
                elif permissions.startswith("rwx"):
                    pieces.append(self.keep(source, start, min(end, start + STACK)))
        return pieces

    def keep(self, source, start, end):
        source.seek(start)
        offset = self.memory.tell()
        return "%x:%x:%x" % (start, self.memory.write(source.read(end - start)), offset)

    def record(self, pid):
        frame = gdb.newest_frame()
        number, ranges = self.mappings(pid)
        values = [known(frame, name) for name in ALL]
        pieces = self.pieces(pid, ranges, values[ALL.index("rsp")], values[ALL.index("rdi")])
        self.steps.write("S %d %s | %s\n" % (number, " ".join("%x" % value for value in values), " ".join(pieces)))
        try:
            self.frames(frame)
        except gdb.error:  # a register lies where memory cannot be read: there gdb's stack ends
            pass
        self.steps.write("X\n")

    def frames(self, frame):
        count = 0
        while frame is not None and count < FRAMES:
            if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                shown = [(name, known(frame, name)) for name in SHOWN]
                self.steps.write("F " + " ".join("%s=%x" % pair for pair in shown if pair[1] is not None) + "\n")
                count += 1
            frame = frame.older()


def known(frame, name):
    value = frame.read_register(name)
    text = str(value)
    if value.is_optimized_out or "not saved" in text or "unavailable" in text:
        return None
    return int(value.cast(frame.architecture().integer_type(64, False)))


def main():
    for setting in ["pagination off", "backtrace past-main on", "style enabled off"]:
        gdb.execute("set " + setting)
    for signal in PASSED.split():
        gdb.execute("handle %s stop print pass" % signal, to_string=True)  # the next step is into its handler
    if FROM != "start":
        gdb.execute("break " + FROM)
    gdb.execute(("starti" if FROM == "start" else "run") + " </dev/null >/dev/null 2>&1", to_string=True)
    gdb.execute("set scheduler-locking step")
    recorder = Recorder()
    seen = {}
    recorded = 0
    while recorded < MOST and gdb.selected_inferior().pid != 0:
        pc = gdb.newest_frame().pc()
        seen[pc] = seen.get(pc, 0) + 1
        if seen[pc] <= SEEN:
            recorder.record(gdb.selected_inferior().pid)
            recorded += 1
        gdb.execute("stepi", to_string=True)


main()
