"""What a figure must be read beside: processor, load, date."""
import datetime
import os


def processor():
    for text in open("/proc/cpuinfo"):
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return "unknown processor"


def instruction_sets():
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16")
    for text in open("/proc/cpuinfo"):
        if text.startswith("flags"):
            return [name for name in known if name in text.split()]
    return []


def forget(path):
    """Takes a file out of the page cache, so that each program maps it as if it came from the disk: how it was read
    before decides whether it lies in large or small pages, which makes a difference of a tenth to decoding."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def fastest_read(speeds, threads=1):
    """Bytes a second by so many threads over the number of streams that is fastest, of what kvern_bandwidth printed."""
    return max(speed["median"] for name, speed in speeds.items() if name.startswith(f"threads_{threads}_"))


def describe():
    return {"part": "machine", "date": str(datetime.date.today()), "processor": processor(),
            "instruction_sets": instruction_sets(), "processors": os.cpu_count(), "load": os.getloadavg()[0]}
