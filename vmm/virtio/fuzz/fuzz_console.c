/*
 * The console under any driver: see device.h. Three ports; the far side of the first reads all and
 * writes count bytes, or leaves.
 */
#include "virtio/fuzz/device.h"

#include <fcntl.h>
#include <sys/socket.h>

struct console_world {
	struct world w;
	int far;
};

static void far_side(struct world *w, unsigned count)
{
	struct console_world *cw = container_of(w, struct console_world, w);
	uint8_t buf[4096] = { 0 };

	while (cw->far >= 0 && read(cw->far, buf, sizeof(buf)) > 0)
		;
	if (cw->far >= 0 && count)
		must(write(cw->far, buf, count) != 0);
	if (count)
		return;
	if (cw->far >= 0)
		close(cw->far);
	cw->far = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct console_world cw;
	struct virtio_env env = world_new(&cw.w);
	struct vm_console ports[] = {
		{ .chardev = { .kind = CHARDEV_FD } },
		{ .name = "two", .chardev = { .kind = CHARDEV_NONE } },
		{ .name = "three", .chardev = { .kind = CHARDEV_NONE } },
	};
	struct virtio_dev *dev = NULL;
	int fd[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd) && !fcntl(fd[1], F_SETFL, O_NONBLOCK));
	ports[0].chardev.fd = fd[0];
	cw.far = fd[1];
	cw.w.far_side = far_side;
	must(!virtio_console_new(&dev, ports, 3, &env, NULL, NULL, NULL));
	world_run(&cw.w, dev, data, size);
	return 0;
}
