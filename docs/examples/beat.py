"""A clock for the tasks: reads the channel every five minutes, and delivers in two parts side by side."""

from celery.schedules import crontab

from gemeente_connect.celery import app, collect, deliver

every_five_minutes = crontab(minute="*/5")
app.conf.beat_schedule = {
    "read whatsapp": {"task": collect.name, "schedule": every_five_minutes, "args": ["whatsapp"]},
    "deliver, first half": {"task": deliver.name, "schedule": every_five_minutes, "args": ["loket", 0, 2]},
    "deliver, second half": {"task": deliver.name, "schedule": every_five_minutes, "args": ["loket", 1, 2]},
}
