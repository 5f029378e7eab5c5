"""What nvcc makes of each kernel: registers and spilled bytes, for sm_80 and sm_90. A change of them is stated in registers.txt.

    registers.py NVCC           compares with registers.txt
    registers.py NVCC --write   writes it"""
import concurrent.futures, os, pathlib, re, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).parent
RECORD = HERE / "registers.txt"


def kernels_of(job):
    nvcc, source, architecture = job
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, "-std=c++20", "-O3", f"-arch={architecture}", "-Xptxas", "-v", "-cubin", "-I", str(HERE.parents[1]),
                   "-I", str(HERE.parents[1] / "core/include"), str(source), "-o", f"{folder}/cubin"]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    text = subprocess.run(["c++filt"], input=run.stdout + run.stderr, capture_output=True, text=True, check=True).stdout
    lines = []
    for name, spilled, registers in re.findall(
            r"entry function '(?:void )?(.*?)\(kvern.*?' for.*?(\d+) bytes spill stores.*?Used (\d+) registers", text, re.S):
        name = re.sub(r"kvern::device::|kvern::kernels::|\(anonymous namespace\)::|\((?:int|bool)\)", "", name)
        lines.append(f"{architecture} {name}: {registers} registers, {spilled} bytes spilled")
    return lines


def main():
    jobs = [(sys.argv[1], source, architecture) for architecture in ("sm_80", "sm_90") for source in sorted(HERE.glob("kernels/*.cu"))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        lines = sorted(line for found in pool.map(kernels_of, jobs) for line in found)
    if "--write" in sys.argv:
        RECORD.write_text("\n".join(lines) + "\n")
        return 0
    known = RECORD.read_text().splitlines()
    for line in sorted(set(lines) ^ set(known)):
        print(("now " if line in lines else "was ") + line)
    print(f"{len(lines)} kernels; what differs from registers.txt is above, if anything; state it there: registers.py NVCC --write")
    return lines != known


if __name__ == "__main__":
    sys.exit(main())
