"""What would a world look like whose right answer is known?"""
