/* Included before every source file. A host newer than Amazon Linux 2023 would link the newest version
   of these symbols, which Lambda lacks. The older version, which both have, does the same.
   layers/abi.py reports further symbols that a still newer host links. */
#if defined(__x86_64__)
__asm__(".symver hypotf, hypotf@GLIBC_2.2.5");
#elif defined(__aarch64__)
__asm__(".symver hypotf, hypotf@GLIBC_2.17");
#endif
/* std::condition_variable::wait */
__asm__(".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE, "
        "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
