// Runs launches of kernels.cl by an OpenCL platform whose device has the host's memory (pocl on
// the processors), in buffers at the addresses that it is told: kernels find addresses in tables.
// One launch after the other comes on standard input, and what the buffers hold behind it goes to
// standard output. All numbers are of 64 bits, the lowest byte first:
//
//	length and bytes of the kernel's name; blocks along x, y and z; threads of a block;
//	how many arguments, of each 1 for an address or 0 for a value, length and bytes;
//	how many buffers, of each its address, length and bytes
//
// Answered is 1 and the bytes of all buffers, or 0, length and bytes of what went wrong.
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 200
#include <CL/cl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void die(const char *what, long code)
{
	fprintf(stderr, "opencl: %s (%ld)\n", what, code);
	exit(1);
}

// take reads bytes; only where a launch would begin may the input end.
static void take(void *to, size_t n, int may_end)
{
	size_t got = fread(to, 1, n, stdin);
	if (got == 0 && n > 0 && may_end && feof(stdin))
		exit(0);
	if (got != n)
		die("the input ends within a launch", 0);
}

static uint64_t number(void)
{
	uint64_t n;
	take(&n, sizeof n, 0);
	return n;
}

static void put(const void *from, size_t n)
{
	if (fwrite(from, 1, n, stdout) != n)
		die("nobody reads the answer", 0);
}

static void put_number(uint64_t n) { put(&n, sizeof n); }

static char wrong[256]; // with the present launch, "" for nothing

static void fails(const char *format, ...)
{
	if (wrong[0])
		return; // the first says why
	va_list list;
	va_start(list, format);
	vsnprintf(wrong, sizeof wrong, format, list);
	va_end(list);
}

struct buffer {
	char *at, *page;
	uint64_t bytes, pages;
};

#define PAGE 4096ul

int main(int count, char **names)
{
	if (count != 2)
		die("the path of kernels.cl is wanted", count);
	FILE *f = fopen(names[1], "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0)
		die("kernels.cl cannot be read", 0);
	size_t length = ftell(f);
	rewind(f);
	char *source = malloc(length + 1);
	if (source == NULL || fread(source, 1, length, f) != length)
		die("kernels.cl cannot be read", 0);
	fclose(f);

	cl_platform_id platform;
	cl_device_id device;
	cl_int e;
	if ((e = clGetPlatformIDs(1, &platform, NULL)) != CL_SUCCESS)
		die("no OpenCL platform", e);
	if ((e = clGetDeviceIDs(platform, CL_DEVICE_TYPE_CPU, 1, &device, NULL)) != CL_SUCCESS)
		die("no OpenCL device that has the host's memory", e);
	char name[256] = "", version[256] = "";
	clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name - 1, name, NULL);
	clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof version - 1, version, NULL);
	fprintf(stderr, "opencl: %s, %s\n", version, name);
	cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &e);
	if (e != CL_SUCCESS)
		die("clCreateContext", e);
	cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, NULL, &e);
	if (e != CL_SUCCESS)
		die("clCreateCommandQueueWithProperties", e);
	cl_program program = clCreateProgramWithSource(context, 1, (const char **)&source, &length, &e);
	if (e != CL_SUCCESS)
		die("clCreateProgramWithSource", e);
	if ((e = clBuildProgram(program, 1, &device, "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt", NULL, NULL)) != CL_SUCCESS) {
		static char text[1 << 16];
		clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof text - 1, text, NULL);
		fprintf(stderr, "%s\n", text);
		die("clBuildProgram", e);
	}
	for (;;) {
		uint64_t n;
		take(&n, sizeof n, 1);
		char kernel_name[100] = "";
		if (n >= sizeof kernel_name)
			die("a long name", n);
		take(kernel_name, n, 0);
		wrong[0] = 0;
		cl_kernel kernel = clCreateKernel(program, kernel_name, &e);
		if (e != CL_SUCCESS)
			fails("clCreateKernel: %d", e);
		uint64_t blocks[3];
		for (int i = 0; i < 3; i++)
			blocks[i] = number();
		const uint64_t threads = number(), arguments = number();
		for (uint64_t i = 0; i < arguments; i++) {
			char data[1024];
			const uint64_t address = number(), bytes = number();
			if (bytes > sizeof data)
				die("a large argument", bytes);
			take(data, bytes, 0);
			if (wrong[0])
				continue;
			void *at;
			memcpy(&at, data, sizeof at);
			if (!address)
				e = clSetKernelArg(kernel, i, bytes, data);
			else if (at == NULL)
				e = clSetKernelArg(kernel, i, sizeof(cl_mem), NULL);
			else
				e = clSetKernelArgSVMPointer(kernel, i, at);
			if (e != CL_SUCCESS)
				fails("argument %d: %d", (int)i, e);
		}
		const uint64_t buffers = number();
		struct buffer *b = calloc(buffers + 1, sizeof *b);
		for (uint64_t i = 0; i < buffers; i++) {
			b[i].at = (char *)number();
			b[i].bytes = number();
			b[i].page = (char *)((uint64_t)b[i].at / PAGE * PAGE);
			b[i].pages = (b[i].at - b[i].page + b[i].bytes + 2 * PAGE - 1) / PAGE * PAGE;
			void *got = mmap(b[i].page, b[i].pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
			if (got != b[i].page) {
				fails("nothing can lie at %p", b[i].at);
				for (uint64_t k = 0; k < b[i].bytes; k++)
					getchar();
				b[i].pages = 0;
				continue;
			}
			take(b[i].at, b[i].bytes, 0);
		}
		if (!wrong[0]) {
			const size_t local[3] = {threads, 1, 1}, global[3] = {blocks[0] * threads, blocks[1], blocks[2]};
			if ((e = clEnqueueNDRangeKernel(queue, kernel, 3, NULL, global, local, 0, NULL, NULL)) != CL_SUCCESS)
				fails("clEnqueueNDRangeKernel: %d", e);
			else if ((e = clFinish(queue)) != CL_SUCCESS)
				fails("clFinish: %d", e);
		}
		put_number(!wrong[0]);
		if (wrong[0]) {
			put_number(strlen(wrong));
			put(wrong, strlen(wrong));
		}
		for (uint64_t i = 0; i < buffers; i++) {
			if (!wrong[0])
				put(b[i].at, b[i].bytes);
			if (b[i].pages > 0)
				munmap(b[i].page, b[i].pages);
		}
		free(b);
		if (kernel != NULL)
			clReleaseKernel(kernel);
		if (fflush(stdout) != 0)
			die("nobody reads the answer", 0);
	}
}
