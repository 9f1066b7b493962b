// The one program of all host tests. PlatformIO counts the cases in its output, so it must also print those
// that pass.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest.h>

int main(int argc, char** argv) {
    doctest::Context context;
    context.setOption("success", true);
    context.applyCommandLine(argc, argv);
    return context.run();
}
