/* Makes fsync fail with EIO while the file named by FAILING_FSYNC exists: of files, of directories ("dir"), or
 * of both, as its content says. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  const char *path = getenv("FAILING_FSYNC");
  int control = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (control >= 0) {
    char what[8] = {0};
    ssize_t got = read(control, what, sizeof what - 1);
    close(control);
    struct stat found;
    int directory = fstat(fd, &found) == 0 && S_ISDIR(found.st_mode);
    int wanted = got > 0 && (strncmp(what, "all", 3) == 0 || directory == (strncmp(what, "dir", 3) == 0));
    if (wanted) {
      errno = EIO;
      return -1;
    }
  }
  return real(fd);
}
