/*
 * CopyFile requests in a row, each a length byte and a protobuf message of that many bytes whose
 * path is taken as below the run directory: nothing beside the run directory ever changes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/rpc.h"
#include "agent/watch_sync.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void one(struct agent *a, const uint8_t *data, size_t size)
{
	Grpc__CopyFileRequest *r = grpc__copy_file_request__unpack(NULL, size, data);
	struct err err = { 0 };
	char *path;

	if (!r)
		return;
	must(asprintf(&path, "%s/%s", a->config.run_dir, r->path) > 0);
	if (r->path != protobuf_c_empty_string)
		free(r->path);
	r->path = path;
	r->file_size &= 0xffff;
	r->offset = r->offset < 0 ? r->offset : r->offset & 0xffff;
	if (rpc_copy_file(a, r, NULL, &err))
		must(err.msg[0]);
	grpc__copy_file_request__free_unpacked(r, NULL);
}

/* A directory with a symlink out of it in place, and a file outside. */
static void make(const char *dir, const char *run_dir)
{
	char path[128];
	int fd;

	must(!mkdir(run_dir, 0755));
	snprintf(path, sizeof(path), "%s/mine", dir);
	must(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/mine/file", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, "mine", 4) == 4);
	close(fd);
	snprintf(path, sizeof(path), "%s/out", run_dir);
	must(!symlink("../mine", path));
}

static void check(const char *dir)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/mine", dir);
	must(!lstat(path, &st) && st.st_mode == (S_IFDIR | 0700) && st.st_nlink == 2);
	snprintf(path, sizeof(path), "%s/mine/file", dir);
	must(!lstat(path, &st) && st.st_mode == (S_IFREG | 0600) && st.st_size == 4);
	must(st.st_nlink == 1 && st.st_uid == geteuid());
	snprintf(path, sizeof(path), "%s/mine/file", dir);
	must(!unlink(path));
	*strrchr(path, '/') = '\0';
	must(!rmdir(path)); /* nothing was added to it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/sampan-fuzz-copyfile-XXXXXX";
	struct agent a = { .loop = NULL };
	int fd;

	must(mkdtemp(dir) != NULL);
	snprintf(a.config.run_dir, sizeof(a.config.run_dir), "%s/run", dir);
	make(dir, a.config.run_dir);
	while (size) {
		size_t n = MIN(data[0], size - 1);

		one(&a, data + 1, n);
		data += 1 + n;
		size -= 1 + n;
	}
	check(dir);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0 && !watch_tree_remove(fd, "run"));
	close(fd);
	must(!rmdir(dir)); /* nor to the directory around it */
	return 0;
}
