from services.chassis.db.migrate import run_environment

run_environment()
