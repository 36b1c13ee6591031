# Edges of a picture by OpenCV.
# needs: cv2
# result: true
# file: edges.png image/png
import cv2
import numpy as np

def main():
    image = np.zeros((50, 50), np.uint8)
    image[10:40, 10:40] = 255
    edges = cv2.Canny(image, 50, 150)
    cv2.imwrite("edges.png", edges)
    return int((edges > 0).sum()) > 80
