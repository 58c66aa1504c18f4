/* A job or server that does nothing, and says so once SIGTERM has ended it in order: an image of 1 MB around it. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t asked = 0;

static void stop(int number) { asked = number; }

int main(void) {
    signal(SIGTERM, stop);
    if (write(1, "at work\n", 8) < 0) return 1;
    while (!asked) usleep(20000);
    int model = open("/opt/ml/model/model.pt", O_CREAT | O_WRONLY, 0644);
    if (model >= 0) close(model);
    return 0;
}
