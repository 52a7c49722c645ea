// A library that stands in for NVIDIA's driver in tests: it has the functions that package
// driver binds, as cuda.h declares them, keeps memory of its own, and writes down what it is
// called with. It computes nothing, unless STANDIN_SOCKET names a socket: then memory and
// launches are those of whoever listens there (package standin), and nothing is written down.
// STANDIN_VERSION, STANDIN_CARDS and STANDIN_FAIL=FUNCTION:CODE:CALLS (after so many calls that
// succeed) stand for fake_is and fake_fail.
//
// What is asked of a stream is done as late as a driver may do it: when somebody waits for it. Until
// then memory of the host's is looked at by its address alone, whatever it is, and what fails is
// answered to who waits.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef int CUresult, CUdevice;
typedef unsigned long long CUdeviceptr;

// What it was called with, a line each.
static char said[1 << 20];
static size_t at;

static int served = -1; // the socket

static void say(const char *format, ...)
{
	if (served >= 0)
		return;
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

static int calls; // that succeed before one fails

static int fails(const char *function) { return strcmp(failing, function) == 0 && calls-- <= 0; }

#define CALL(...)                        \
	do {                             \
		say(__VA_ARGS__);        \
		if (fails(__func__))     \
			return code;     \
	} while (0)

// What the environment says, once the library is loaded.
__attribute__((constructor)) static void begin(void)
{
	const char *s;
	if ((s = getenv("STANDIN_VERSION")))
		version = atoi(s);
	if ((s = getenv("STANDIN_CARDS")))
		cards = atoi(s);
	if ((s = getenv("STANDIN_FAIL")))
		sscanf(s, "%63[^:]:%d:%d", failing, &code, &calls);
	if ((s = getenv("STANDIN_SOCKET"))) {
		struct sockaddr_un to = {.sun_family = AF_UNIX};
		snprintf(to.sun_path, sizeof to.sun_path, "%s", s);
		served = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (served < 0 || connect(served, (struct sockaddr *)&to, sizeof to) < 0)
			abort();
	}
}

static void put(const void *data, size_t n)
{
	for (const char *p = data; n > 0;) {
		ssize_t k = send(served, p, n, MSG_NOSIGNAL);
		if (k <= 0)
			abort();
		p += k, n -= k;
	}
}

static void get(void *data, size_t n)
{
	for (char *p = data; n > 0;) {
		ssize_t k = recv(served, p, n, 0);
		if (k <= 0)
			abort();
		p += k, n -= k;
	}
}

// ask sends what is asked for, numbers of 64 bits, and bytes, whose number goes before them;
// answers are one number.
static uint64_t ask(const uint64_t *numbers, size_t n, const void *data, size_t bytes)
{
	uint64_t size = bytes, answer;
	put(numbers, n * sizeof *numbers);
	put(&size, sizeof size);
	put(data, bytes);
	get(&answer, sizeof answer);
	return answer;
}

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
	switch (attribute) {
	case 13: *value = 1980000; break;
	case 16: *value = 132; break;
	case 36: *value = 2619000; break;
	case 37: *value = 5120; break;
	case 39: *value = 2048; break;
	case 75: *value = d == 41 ? 7 : 9; break;
	case 76: *value = d == 41 ? 5 : 0; break;
	default: *value = -1;
	}
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
	return fails(__func__) ? code : 0;
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
	if (fails(__func__)) {
		if (log)
			snprintf(log, size, "ptxas application ptx input, line 9; error: Unknown symbol\nptxas fatal: aborted");
		return code;
	}
	*module = (void *)0x7fffffff0002;
	return 0;
}

CUresult cuModuleUnload(void *module) { CALL("cuModuleUnload %p", module); return 0; }

// The sizes of parameters are known where somebody listens.
struct kernel {
	char name[32];
	uint64_t params, sizes[16];
};

CUresult cuModuleGetFunction(void **f, void *module, const char *name)
{
	CALL("cuModuleGetFunction %p %s", module, name);
	struct kernel *k = malloc(sizeof *k);
	snprintf(k->name, sizeof k->name, "%s", name);
	if (served >= 0) {
		k->params = ask((uint64_t[]){'K'}, 1, name, strlen(name));
		if (k->params > 16)
			return 500;
		get(k->sizes, k->params * sizeof *k->sizes);
	}
	*f = k;
	return 0;
}

CUresult cuMemGetInfo_v2(size_t *free, size_t *total) { CALL("cuMemGetInfo"); *free = (size_t)140 << 30; *total = (size_t)150 << 30; return 0; }

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes)
{
	CALL("cuMemAlloc %zu", bytes);
	if (served >= 0) {
		*address = ask((uint64_t[]){'A', bytes}, 2, "", 0);
		return 0;
	}
	*address = (CUdeviceptr)(uintptr_t)malloc(bytes);
	return 0;
}

// What is asked of the stream, in order, until it is done.
struct asked {
	struct asked *next;
	char what; // 'W' to the device, 'R' from there, 'L'aunch
	CUdeviceptr device;
	void *host;
	size_t bytes;
	uint64_t numbers[5]; // of a launch, whose name and parameters lie behind
	size_t name, params;
	char data[];
};
static struct asked *first, **last = &first;

static struct asked *later(char what, CUdeviceptr device, void *host, size_t bytes, size_t more)
{
	struct asked *a = calloc(1, sizeof *a + more);
	a->what = what, a->device = device, a->host = host, a->bytes = bytes;
	*last = a;
	last = &a->next;
	return a;
}

// finish does what was asked. What follows something that failed is not done.
static CUresult finish(void)
{
	CUresult error = 0;
	while (first) {
		struct asked *a = first;
		if (error) {
		} else if (a->what == 'W' && served >= 0) {
			error = ask((uint64_t[]){'W', a->device}, 2, a->host, a->bytes);
		} else if (a->what == 'W') {
			memcpy((void *)(uintptr_t)a->device, a->host, a->bytes);
		} else if (a->what == 'R' && served >= 0) {
			if (!(error = ask((uint64_t[]){'R', a->device, a->bytes}, 3, "", 0)))
				get(a->host, a->bytes);
		} else if (a->what == 'R') {
			memcpy(a->host, (void *)(uintptr_t)a->device, a->bytes);
		} else if (served >= 0) {
			uint64_t length = a->name;
			put(a->numbers, sizeof a->numbers);
			put(&length, sizeof length);
			put(a->data, a->name);
			error = ask(NULL, 0, a->data + a->name, a->params);
		}
		first = a->next;
		free(a);
	}
	last = &first;
	return error;
}

CUresult cuMemFree_v2(CUdeviceptr address)
{
	CALL("cuMemFree");
	CUresult error = finish();
	if (error)
		return error;
	if (served >= 0)
		return ask((uint64_t[]){'F', address}, 2, "", 0);
	free((void *)(uintptr_t)address);
	return 0;
}

CUresult cuMemAllocHost_v2(void **address, size_t bytes) { CALL("cuMemAllocHost %zu", bytes); *address = malloc(bytes); return 0; }
CUresult cuMemFreeHost(void *address) { CALL("cuMemFreeHost"); free(address); return 0; }

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *stream)
{
	CALL("cuMemcpyHtoDAsync %zu %p", bytes, stream);
	later('W', to, (void *)from, bytes, 0);
	return 0;
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *stream)
{
	CALL("cuMemcpyDtoHAsync %zu %p", bytes, stream);
	later('R', from, to, bytes, 0);
	return 0;
}

CUresult cuStreamCreate(void **stream, unsigned int flags) { CALL("cuStreamCreate %u", flags); *stream = (void *)0x7fffffff0003; return 0; }
CUresult cuStreamDestroy_v2(void *stream) { CALL("cuStreamDestroy %p", stream); return finish(); }
CUresult cuStreamSynchronize(void *stream) { CALL("cuStreamSynchronize %p", stream); return finish(); }

static uintptr_t events; // none is over before all is
CUresult cuEventCreate(void **event, unsigned int flags) { CALL("cuEventCreate %u", flags); *event = (void *)(0x7fffffff0010 + events++); return 0; }
CUresult cuEventDestroy_v2(void *event) { CALL("cuEventDestroy %p", event); return 0; }
CUresult cuEventRecord(void *event, void *stream) { CALL("cuEventRecord %p %p", event, stream); return 0; }
CUresult cuEventSynchronize(void *event) { CALL("cuEventSynchronize %p", event); return finish(); }
CUresult cuEventElapsedTime(float *ms, void *start, void *end) { CALL("cuEventElapsedTime %p %p", start, end); *ms = 1500; return 0; }

CUresult cuFuncGetAttribute(int *value, int attribute, void *f)
{
	CALL("cuFuncGetAttribute %d %s", attribute, ((struct kernel *)f)->name);
	*value = attribute == 1 ? 12288 : attribute == 3 ? 16 : attribute == 4 ? 80 : -1;
	return 0;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *f, int threads, size_t shared)
{
	CALL("cuOccupancyMaxActiveBlocksPerMultiprocessor %s %d %zu", ((struct kernel *)f)->name, threads, shared);
	*blocks = 6;
	return 0;
}

CUresult cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **params, void **extra)
{
	struct kernel *k = f;
	CALL("cuLaunchKernel %s %u %u %u, %u %u %u, %u %p %p", k->name, gx, gy, gz, bx, by, bz, shared, stream, (void *)extra);
	if (served >= 0) {
		size_t n = 0;
		for (uint64_t i = 0; i < k->params; i++)
			n += k->sizes[i];
		struct asked *a = later('L', 0, NULL, 0, strlen(k->name) + n);
		const uint64_t numbers[5] = {'L', gx, gy, gz, bx};
		memcpy(a->numbers, numbers, sizeof numbers);
		a->name = strlen(k->name), a->params = n;
		memcpy(a->data, k->name, a->name);
		char *to = a->data + a->name;
		for (uint64_t i = 0; i < k->params; to += k->sizes[i++])
			memcpy(to, params[i], k->sizes[i]);
		return 0;
	}
	// mean (jobs, first, int32 count, struct shape)
	const int32_t *shape = params[3];
	say("jobs %llx, first %llx, count %d, shape %d %d %d ... %d %d", *(unsigned long long *)params[0], *(unsigned long long *)params[1],
		*(int32_t *)params[2], shape[0], shape[1], shape[2], shape[15], shape[16]);
	return 0;
}
