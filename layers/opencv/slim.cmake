# The configuration of the slim layer's OpenCV; build.sh passes this file to `cmake -C`.
# Every change except to comments triggers a new compilation.

set(CMAKE_BUILD_TYPE Release CACHE STRING "")
# one file for every Python 3, as in the published wheels
set(BUILD_SHARED_LIBS OFF CACHE BOOL "")
set(PYTHON3_LIMITED_API ON CACHE BOOL "")
set(BUILD_LIST core,imgproc,imgcodecs,dnn,python3,python_bindings_generator CACHE STRING "")

# Lambda's x86-64 machines have AVX2, and most of them AVX-512; its arm64 machines are Graviton2.
cmake_host_system_information(RESULT architecture QUERY OS_PLATFORM)
if(architecture STREQUAL "x86_64")
  set(CPU_BASELINE AVX2 CACHE STRING "")
  set(CPU_DISPATCH AVX512_SKX CACHE STRING "")
else()
  set(CPU_BASELINE NEON CACHE STRING "")
  set(CPU_DISPATCH NEON_FP16,NEON_DOTPROD CACHE STRING "")
endif()

# JPEG, PNG, WebP, TIFF and zlib come from OpenCV's sources: no library of the host is linked.
set(OPENCV_FORCE_3RDPARTY_BUILD ON CACHE BOOL "")
# The font for Chinese, Japanese and Korean labels; a build without it must fail.
set(WITH_UNIFONT ON CACHE BOOL "")
set(ENABLE_CONFIG_VERIFICATION ON CACHE BOOL "")

# Detection needs none of these. OpenCV would find them on the host, download or compile them.
foreach(feature
    1394 AVIF EIGEN FFMPEG FLATBUFFERS GSTREAMER GTK IMGCODEC_GIF IMGCODEC_HDR IMGCODEC_PFM
    IMGCODEC_PXM IMGCODEC_SUNRASTER IPP ITT JASPER KLEIDICV LAPACK OBSENSOR OPENCL OPENCLAMDBLAS
    OPENCLAMDFFT OPENEXR OPENJPEG V4L VA VA_INTEL VTK)
  set(WITH_${feature} OFF CACHE BOOL "")
endforeach()
foreach(part DOCS EXAMPLES JAVA PERF_TESTS TESTS opencv_apps)
  set(BUILD_${part} OFF CACHE BOOL "")
endforeach()
set(ENABLE_CCACHE OFF CACHE BOOL "")

# the same bytes on every day, kernel and Git commit
set(OPENCV_VCSVERSION sdist CACHE STRING "")
set(BUILD_INFO_SKIP_TIMESTAMP ON CACHE BOOL "")
set(BUILD_INFO_SKIP_SYSTEM_VERSION ON CACHE BOOL "")

set(OPENCV_PYTHON3_INSTALL_PATH python CACHE STRING "")
