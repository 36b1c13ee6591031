# Make, turn and show a picture.
# needs: PIL
# result: {"size":[40,60],"pixel":[200,30,30]}
# file: figure-1.png image/png
# file: thumb.jpg image/jpeg
from PIL import Image, ImageDraw, ImageFilter

def main():
    image = Image.new("RGB", (120, 80), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle([10, 10, 60, 60], fill=(200, 30, 30))
    image.filter(ImageFilter.GaussianBlur(1)).show()
    thumb = image.rotate(90, expand=True).resize((40, 60))
    thumb.save("thumb.jpg", quality=90)
    return {"size": thumb.size, "pixel": image.getpixel((20, 20))}
