"""The older video service's question as it is commonly answered: FastAPI, redis.asyncio, a hash for each job.

Run by itself it is what runs the jobs: so many of them, so many changes a second over all, until it is ended.
"""
import asyncio
import os
import sys
import time

import redis.asyncio as redis
from fastapi import FastAPI, HTTPException

app = FastAPI()
# A thousand callers at once need more connections than the library's default, behind which it answers with errors.
store = redis.from_url(os.environ["POLLED_REDIS"], decode_responses=True, max_connections=5000)


@app.get("/job_status/{job_id}")
async def job_status(job_id: str):
    job = await store.hgetall(f"job:{job_id}")
    if not job:
        raise HTTPException(404, "Job not found")
    return {
        "job_id": job_id,
        "status": job["status"],
        "stage": job["stage"],
        "progress": int(job["progress"]),
        "message": job["message"],
    }


async def change(job: int, image: int):
    await store.hset(f"job:{job}", mapping={
        "status": "started", "stage": "processing", "progress": image, "message": f"Processing image {image}/100"})


async def run(jobs: int, rate: float):
    for job in range(jobs):
        await change(job, 0)
        print(job, f"caller-{job}")
    print("running", flush=True)
    begin = time.monotonic()
    number = 0
    while True:
        await asyncio.sleep(begin + number / rate - time.monotonic())
        await change(number % jobs, number // jobs % 100)
        number += 1


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), float(sys.argv[2])))
