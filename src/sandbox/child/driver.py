# Runs inside the sandbox (see python.rs): finishes the locking, waits for one call, runs it, ends the process.
# The process has given up everything but this interpreter before it started.
import sys


def lock(program):
    """From here on this process can't become another program, and its own user can't look into it."""
    import ctypes

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]

    PR_SET_DUMPABLE, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 4, 22, 2
    libc = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_ulong
    filter = Filter(len(program) // 8, program)
    if libc.prctl(PR_SET_DUMPABLE, number(0), number(0), number(0), number(0)) != 0:
        raise OSError(ctypes.get_errno(), "closing the process")
    if libc.prctl(PR_SET_SECCOMP, number(SECCOMP_MODE_FILTER), ctypes.byref(filter), number(0), number(0)) != 0:
        raise OSError(ctypes.get_errno(), "setting the last system call filter")


def run(json, request):
    """What goes back to the server: one of its reply's three forms."""
    import types

    # the code is the program's main module, as if it had been started by itself
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    code = request["code"]
    try:
        exec(compile(code, "main.py", "exec"), main.__dict__)
        function = main.__dict__.get("main")
        if not callable(function):
            return {"error": "The code defines no function main."}
        result = function(**request["inputs"])
        if not isinstance(result, dict):
            return {"error": "main must return a dict, not " + type(result).__name__ + "."}
        return '{"result":' + json.dumps(result, ensure_ascii=False, allow_nan=False) + "}"
    except MemoryError:
        return {"out_of_memory": None}
    except BaseException as error:
        return {"error": describe(error, code)}


def describe(error, code):
    """The traceback from the code's first frame on; of a long one the ends."""
    import linecache
    import traceback

    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != "main.py":
        frames = frames.tb_next
    linecache.cache["main.py"] = (len(code), None, code.splitlines(True), "main.py")
    try:
        text = "".join(traceback.format_exception(type(error), error, frames)).strip()
    except BaseException:
        text = type(error).__name__
    return text if len(text) <= 8000 else text[:2000] + "\n…\n" + text[-6000:]


def serve():
    import json
    import os

    exit, write, close = os._exit, os.write, os.close
    try:
        last_filter, packages = sys.argv[1:]
        lock(bytes.fromhex(last_filter))
        sys.argv = ["main.py"]
        if packages:
            sys.path.append(packages)
            # they ask where temporary files go before they find that they can write none
            import tempfile
            tempfile.tempdir = "/tmp"
            # numeric libraries would start a thread per core, and here they can start none
            os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        # the code prints to nowhere, as the standard error stream does already
        replies = os.dup(1)
        os.dup2(2, 1)
        # what nearly all code imports
        import datetime, math, random, re
    except BaseException as error:
        write(1, ("-Python can't lock itself down (install the whole python3): " + repr(error)).encode())
        exit(1)
    write(replies, b"+")
    try:
        with open(0, "rb") as pipe:
            request = json.loads(pipe.read())
        reply = run(json, request)
    except MemoryError:
        reply = {"out_of_memory": None}
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    reply = memoryview(text.encode("utf-8", "replace"))
    while reply:
        reply = reply[write(replies, reply):]
    # the server need not wait until the memory is gone
    close(replies)
    exit(0)


serve()
