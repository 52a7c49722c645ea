// A library that stands in for NVIDIA's driver in tests: it has the functions that package
// driver binds, as cuda.h declares them, keeps memory of its own, and writes down what it is
// called with. It computes nothing.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult, CUdevice;
typedef unsigned long long CUdeviceptr;

// What it was called with, a line each.
static char said[1 << 20];
static size_t at;

static void say(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	at += vsnprintf(said + at, sizeof said - at, format, list);
	va_end(list);
	at += snprintf(said + at, sizeof said - at, "\n");
}

// A function that shall fail, and how; the version that the driver has; its cards.
static char failing[64];
static CUresult code;
static int version = 12040, cards = 2;

// For tests: what was said so far, which is forgotten.
const char *fake_said(void)
{
	static char copy[sizeof said];
	memcpy(copy, said, at + 1);
	said[at = 0] = 0;
	return copy;
}

void fake_fail(const char *function, int with) { snprintf(failing, sizeof failing, "%s", function); code = with; }
void fake_is(int driver, int devices) { version = driver; cards = devices; }

#define CALL(...)                        \
	do {                             \
		say(__VA_ARGS__);        \
		if (strcmp(failing, __func__) == 0) \
			return code;     \
	} while (0)

CUresult cuInit(unsigned int flags) { CALL("cuInit %u", flags); return 0; }
CUresult cuDriverGetVersion(int *v) { CALL("cuDriverGetVersion"); *v = version; return 0; }

CUresult cuGetErrorName(CUresult error, const char **name)
{
	switch (error) {
	case 2: *name = "CUDA_ERROR_OUT_OF_MEMORY"; return 0;
	case 100: *name = "CUDA_ERROR_NO_DEVICE"; return 0;
	case 218: *name = "CUDA_ERROR_INVALID_PTX"; return 0;
	case 719: *name = "CUDA_ERROR_LAUNCH_FAILED"; return 0;
	}
	*name = NULL;
	return 1;
}

CUresult cuGetErrorString(CUresult error, const char **text)
{
	switch (error) {
	case 2: *text = "out of memory"; return 0;
	case 100: *text = "no CUDA-capable device is detected"; return 0;
	case 218: *text = "a PTX JIT compilation failed"; return 0;
	case 719: *text = "unspecified launch failure"; return 0;
	}
	*text = NULL;
	return 1;
}

CUresult cuDeviceGetCount(int *n) { CALL("cuDeviceGetCount"); *n = cards; return 0; }
CUresult cuDeviceGet(CUdevice *d, int ordinal) { CALL("cuDeviceGet %d", ordinal); *d = 40 + ordinal; return 0; }

CUresult cuDeviceGetName(char *name, int length, CUdevice d)
{
	CALL("cuDeviceGetName %d %d", length, d);
	snprintf(name, length, "NVIDIA Imaginary %d", d);
	return 0;
}

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice d)
{
	CALL("cuDeviceGetAttribute %d %d", attribute, d);
	*value = attribute == 75 ? (d == 41 ? 7 : 9) : attribute == 76 ? (d == 41 ? 5 : 0) : attribute == 16 ? 132 : -1;
	return 0;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice d) { CALL("cuDeviceTotalMem %d", d); *bytes = (size_t)150 << 30; return 0; }
CUresult cuDevicePrimaryCtxRetain(void **context, CUdevice d) { CALL("cuDevicePrimaryCtxRetain %d", d); *context = (void *)0x7fffffff0001; return 0; }
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) { CALL("cuDevicePrimaryCtxRelease %d", d); return 0; }

CUresult cuCtxSetCurrent(void *context)
{
	// Asked before everything: only what is wrong is worth a line.
	if (context != (void *)0x7fffffff0001)
		say("cuCtxSetCurrent %p", context);
	return strcmp(failing, __func__) == 0 ? code : 0;
}

CUresult cuModuleLoadDataEx(void **module, const void *image, unsigned int n, int *options, void **values)
{
	char *log = NULL;
	size_t size = 0;
	for (unsigned i = 0; i < n; i++) {
		if (options[i] == 5)
			log = values[i];
		if (options[i] == 6)
			size = (uintptr_t)values[i];
	}
	say("cuModuleLoadDataEx %.12s, %zu bytes, log of %zu", (const char *)image, strlen(image), size);
	if (strcmp(failing, __func__) == 0) {
		if (log)
			snprintf(log, size, "ptxas application ptx input, line 9; error: Unknown symbol\nptxas fatal: aborted");
		return code;
	}
	*module = (void *)0x7fffffff0002;
	return 0;
}

CUresult cuModuleUnload(void *module) { CALL("cuModuleUnload %p", module); return 0; }

struct kernel { char name[32]; };

CUresult cuModuleGetFunction(void **f, void *module, const char *name)
{
	CALL("cuModuleGetFunction %p %s", module, name);
	struct kernel *k = malloc(sizeof *k);
	snprintf(k->name, sizeof k->name, "%s", name);
	*f = k;
	return 0;
}

CUresult cuMemGetInfo_v2(size_t *free, size_t *total) { CALL("cuMemGetInfo"); *free = (size_t)140 << 30; *total = (size_t)150 << 30; return 0; }

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes)
{
	CALL("cuMemAlloc %zu", bytes);
	*address = (CUdeviceptr)(uintptr_t)malloc(bytes);
	return 0;
}

CUresult cuMemFree_v2(CUdeviceptr address) { CALL("cuMemFree"); free((void *)(uintptr_t)address); return 0; }

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *stream)
{
	CALL("cuMemcpyHtoDAsync %zu %p", bytes, stream);
	memcpy((void *)(uintptr_t)to, from, bytes);
	return 0;
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *stream)
{
	CALL("cuMemcpyDtoHAsync %zu %p", bytes, stream);
	memcpy(to, (void *)(uintptr_t)from, bytes);
	return 0;
}

CUresult cuStreamCreate(void **stream, unsigned int flags) { CALL("cuStreamCreate %u", flags); *stream = (void *)0x7fffffff0003; return 0; }
CUresult cuStreamDestroy_v2(void *stream) { CALL("cuStreamDestroy %p", stream); return 0; }
CUresult cuStreamSynchronize(void *stream) { CALL("cuStreamSynchronize %p", stream); return 0; }

static uintptr_t events;
CUresult cuEventCreate(void **event, unsigned int flags) { CALL("cuEventCreate %u", flags); *event = (void *)(0x7fffffff0010 + events++); return 0; }
CUresult cuEventDestroy_v2(void *event) { CALL("cuEventDestroy %p", event); return 0; }
CUresult cuEventRecord(void *event, void *stream) { CALL("cuEventRecord %p %p", event, stream); return 0; }
CUresult cuEventSynchronize(void *event) { CALL("cuEventSynchronize %p", event); return 0; }
CUresult cuEventElapsedTime(float *ms, void *start, void *end) { CALL("cuEventElapsedTime %p %p", start, end); *ms = 1500; return 0; }

CUresult cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **params, void **extra)
{
	struct kernel *k = f;
	CALL("cuLaunchKernel %s %u %u %u, %u %u %u, %u %p %p", k->name, gx, gy, gz, bx, by, bz, shared, stream, (void *)extra);
	// mean (jobs, first, int32 count, struct shape)
	const int32_t *shape = params[3];
	say("jobs %llx, first %llx, count %d, shape %d %d %d ... %d %d", *(unsigned long long *)params[0], *(unsigned long long *)params[1],
		*(int32_t *)params[2], shape[0], shape[1], shape[2], shape[15], shape[16]);
	return 0;
}
