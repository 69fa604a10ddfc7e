"""The detection core: pixels -> detections -> drawn pixels. Start at `detector.Detector`.

Knows no AWS, no Spark and no files; imports numpy, cv2 and the standard library alone.
"""
