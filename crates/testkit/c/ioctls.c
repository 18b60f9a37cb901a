/*
 * What the tests need from ioctls, since the Rust side has no unsafe code.
 *
 *   ioctls attrs              NUL-separated paths on stdin; for each a line
 *                             "FLAGS GENERATION PROJECT", a number or "!ERRNO" each
 *   ioctls setproject ID PATH set the project id of one file
 *   ioctls encrypt [pad=4] DIR  add the test key to DIR's file system, set a v2 policy on DIR
 *   ioctls setuuid MNT HEX    set the UUID of a mounted file system, 32 digits
 *   ioctls setlabel MNT LABEL set its label
 *   ioctls shutdown MNT MODE  force a shutdown; MODE: default, logflush, nologflush
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef EXT4_IOC_SHUTDOWN
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, __u32)
#endif

static int die(const char *what, const char *path)
{
	fprintf(stderr, "%s: %s: %s\n", path, what, strerror(errno));
	return 1;
}

static void put(int failed, uint32_t value, char end)
{
	if (failed)
		printf("!%d%c", errno, end);
	else
		printf("%u%c", value, end);
}

static void attrs_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0) {
		printf("!%d !%d !%d\n", errno, errno, errno);
		return;
	}
	/* The kernel stores 32 bits although the requests are declared with long. */
	long flags = 0, generation = 0;
	struct fsxattr fsx = { 0 };
	int failed = ioctl(fd, FS_IOC_GETFLAGS, &flags);
	put(failed, (uint32_t)flags, ' ');
	failed = ioctl(fd, FS_IOC_GETVERSION, &generation);
	put(failed, (uint32_t)generation, ' ');
	failed = ioctl(fd, FS_IOC_FSGETXATTR, &fsx);
	put(failed, fsx.fsx_projid, '\n');
	close(fd);
}

static int attrs(void)
{
	char *line = NULL;
	size_t room = 0;
	while (getdelim(&line, &room, 0, stdin) > 0)
		attrs_of(line);
	free(line);
	return fflush(stdout) ? 1 : 0;
}

static int setproject(const char *id, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
	struct fsxattr fsx;
	if (fd < 0)
		return die("open", path);
	if (ioctl(fd, FS_IOC_FSGETXATTR, &fsx))
		return die("FS_IOC_FSGETXATTR", path);
	fsx.fsx_projid = (uint32_t)strtoul(id, NULL, 10);
	if (ioctl(fd, FS_IOC_FSSETXATTR, &fsx))
		return die("FS_IOC_FSSETXATTR", path);
	return 0;
}

static int setuuid(const char *mount, const char *hex)
{
	struct {
		uint32_t length, flags;
		uint8_t uuid[16];
	} request = { 16, 0, { 0 } };
	int fd = open(mount, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return die("open", mount);
	for (int i = 0; i < 16; i++) {
		unsigned int byte = 0;
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return die("UUID", hex);
		request.uuid[i] = (uint8_t)byte;
	}
	/* EXT4_IOC_SETFSUUID: the size is that of the request without its UUID. */
	if (ioctl(fd, _IOC(_IOC_WRITE, 'f', 44, 8), &request))
		return die("EXT4_IOC_SETFSUUID", mount);
	return 0;
}

static int setlabel(const char *mount, const char *label)
{
	char text[FSLABEL_MAX] = { 0 };
	int fd = open(mount, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return die("open", mount);
	strncpy(text, label, sizeof(text) - 1);
	if (ioctl(fd, FS_IOC_SETFSLABEL, text))
		return die("FS_IOC_SETFSLABEL", mount);
	return 0;
}

static int encrypt(const char *option, const char *dir)
{
	struct {
		struct fscrypt_add_key_arg arg;
		uint8_t raw[64];
	} key;
	struct fscrypt_policy_v2 policy = { .version = FSCRYPT_POLICY_V2 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return die("open", dir);
	memset(&key, 0, sizeof(key));
	key.arg.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	key.arg.raw_size = sizeof(key.raw);
	for (int i = 0; i < 64; i++)
		key.raw[i] = (uint8_t)(i * 7 + 1);
	if (ioctl(fd, FS_IOC_ADD_ENCRYPTION_KEY, &key))
		return die("FS_IOC_ADD_ENCRYPTION_KEY", dir);
	policy.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS;
	policy.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS;
	policy.flags = FSCRYPT_POLICY_FLAGS_PAD_32;
	if (!strcmp(option, "pad=4"))
		policy.flags = FSCRYPT_POLICY_FLAGS_PAD_4;
	memcpy(policy.master_key_identifier, key.arg.key_spec.u.identifier,
	       FSCRYPT_KEY_IDENTIFIER_SIZE);
	if (ioctl(fd, FS_IOC_SET_ENCRYPTION_POLICY, &policy))
		return die("FS_IOC_SET_ENCRYPTION_POLICY", dir);
	return 0;
}

static int shut(const char *mount, const char *mode)
{
	uint32_t flag = !strcmp(mode, "logflush") ? 1 : !strcmp(mode, "nologflush") ? 2 : 0;
	int fd = open(mount, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return die("open", mount);
	if (ioctl(fd, EXT4_IOC_SHUTDOWN, &flag))
		return die("EXT4_IOC_SHUTDOWN", mount);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	if (argc == 2 && !strcmp(command, "attrs"))
		return attrs();
	if (argc == 4 && !strcmp(command, "setproject"))
		return setproject(argv[2], argv[3]);
	if (argc == 4 && !strcmp(command, "setuuid"))
		return setuuid(argv[2], argv[3]);
	if (argc == 4 && !strcmp(command, "setlabel"))
		return setlabel(argv[2], argv[3]);
	if (argc == 3 && !strcmp(command, "encrypt"))
		return encrypt("", argv[2]);
	if (argc == 4 && !strcmp(command, "encrypt"))
		return encrypt(argv[2], argv[3]);
	if (argc == 4 && !strcmp(command, "shutdown"))
		return shut(argv[2], argv[3]);
	fprintf(stderr, "usage: ioctls attrs | setproject ID PATH | encrypt [pad=4] DIR | "
			"setuuid MNT HEX | setlabel MNT LABEL | "
			"shutdown MNT default|logflush|nologflush\n");
	return 2;
}
