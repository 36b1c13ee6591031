def main(rate, years):
    return [round((1 + rate) ** year, 4) for year in range(1, years + 1)]
