"""The function as tutorials show it, on OpenCV 4.14: the baseline of `make bench`.

It loads the network again for each image, decodes boxes row by row in Python, reads only one record
of an event, and writes without checking S3 first. A container fetches each of the model's files
once.
"""

import json
import os
import urllib.parse
from pathlib import Path
from typing import Any

import boto3
import cv2
import numpy as np

s3 = boto3.client("s3")
CONFIDENCE, NMS = 0.5, 0.4


def fetch(bucket: str, key: str) -> str:
    """Fetches a file of the model unless this container has it; returns its path."""
    path = Path(os.environ["TMP_FOLDER"], Path(key).name)
    if not path.exists():
        s3.download_file(bucket, key, str(path))
    return str(path)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Detects and draws the objects of one image."""
    record = event["Records"][0]
    bucket = record["s3"]["bucket"]["name"]
    key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
    model, name = os.environ["MODEL_PREFIX"], os.environ["NETWORK"]
    cfg = fetch(bucket, f"{model}{name}.cfg")
    weights = fetch(bucket, f"{model}{name}.weights")
    labels = Path(fetch(bucket, f"{model}coco.names")).read_text().splitlines()

    data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]

    net = cv2.dnn.readNetFromDarknet(cfg, weights)
    size = int(os.environ["SIZE"])
    blob = cv2.dnn.blobFromImage(image, 1 / 255, (size, size), swapRB=True, crop=False)
    net.setInput(blob)
    outputs = net.forward(net.getUnconnectedOutLayersNames())

    boxes, confidences, class_ids = [], [], []
    for output in outputs:
        for detection in output:
            scores = detection[5:]
            class_id = np.argmax(scores)
            confidence = scores[class_id]
            if confidence > CONFIDENCE:
                center_x, center_y, w, h = detection[0:4] * np.array([width, height, width, height])
                boxes.append([int(center_x - w / 2), int(center_y - h / 2), int(w), int(h)])
                confidences.append(float(confidence))
                class_ids.append(int(class_id))

    found = []
    for index in np.array(cv2.dnn.NMSBoxes(boxes, confidences, CONFIDENCE, NMS)).flatten():
        x, y, w, h = boxes[index]
        label = labels[class_ids[index]]
        cv2.rectangle(image, (x, y), (x + w, y + h), (0, 255, 0), 2)
        text = f"{label}: {confidences[index]:.2f}"
        cv2.putText(image, text, (x, y - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 255, 0), 2)
        found.append({"label": label, "confidence": confidences[index], "box": boxes[index]})

    output_key = key.replace("input/", "output/")
    annotated = cv2.imencode(".jpg", image)[1].tobytes()
    s3.put_object(Bucket=bucket, Key=output_key, Body=annotated, ContentType="image/jpeg")
    s3.put_object(Bucket=bucket, Key=output_key + ".json", Body=json.dumps(found))
    return {"statusCode": 200}
