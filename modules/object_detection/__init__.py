"""The detection core: pixels -> detections -> drawn pixels. Start at `detector.Detector`.

Uses no AWS, no Spark and no files. Imports only numpy, cv2 and the standard library.
"""
